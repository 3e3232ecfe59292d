// How many bytes packages take with everything that they depend on.

import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

/** The folder that a package is found in from another one, as Node looks for it. */
function find(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name)
    if (existsSync(join(found, 'package.json'))) {
      return realpathSync(found)
    }
    if (folder === dirname(folder)) {
      return undefined
    }
  }
}

function bytes(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .reduce((sum, entry) => {
      const path = join(folder, entry.name)
      return sum + (entry.isDirectory() ? bytes(path) : statSync(path).size)
    }, 0)
}

/** Bytes of packages and their dependencies, each counted once. */
export function installed(names) {
  const seen = new Set()
  const open = names.map((name) => [name, here])
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const folder = find(...next)
    if (folder !== undefined && !seen.has(folder)) {
      seen.add(folder)
      const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      open.push(...Object.keys(dependencies).map((name) => [name, folder]))
    }
  }
  return [...seen].reduce((sum, folder) => sum + bytes(folder), 0)
}
