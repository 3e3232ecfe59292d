import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import type { Native } from './generated.js'
import { platform } from './platform.js'
import { wordsOf } from './thrown.js'

export type { Client as NativeClient, Memory as NativeMemory, Stop as NativeStop, Work as NativeWork } from './generated.js'

/** The native half: private, since its shape follows the façade. */
export const native: Native = load()

function load(): Native {
  const require = createRequire(import.meta.url)
  const here = platform()
  const causes: unknown[] = []
  // In a package that was packed on a developer's machine, the module lies beside; in a published one, in a package of its own.
  for (const place of [`../podrole.${here}.node`, `podrole-${here}`]) {
    try {
      return require(place) as Native
    } catch (cause) {
      causes.push(cause)
    }
  }
  throw new Error(`podrole has no working native module for ${here}: ${why(here, causes)}`, { cause: new AggregateError(causes) })
}

/** Why none could be loaded, and what to do about it. */
function why(here: string, causes: readonly unknown[]): string {
  const broken = causes.find((cause) => (cause as { code?: unknown } | null)?.code !== 'MODULE_NOT_FOUND')
  if (broken !== undefined) {
    const words = wordsOf(broken)
    const old = /GLIBC_[\d.]+/.exec(words)?.[0]
    const hint = old === undefined ? 'install podrole again on this machine' : `the C library of this system is older than ${old}`
    return `it is there and does not load (${words}); ${hint}`
  }
  const others = installed().filter((name) => name !== here)
  if (others.length > 0) {
    return `there is only that of ${others.join(', ')}; install podrole on this machine: node_modules was made on another one, or for another C library`
  }
  const published = offered()
  if (published.length > 0 && !published.includes(here)) {
    return `there is none; podrole is made for ${published.join(', ')}`
  }
  return (
    `the optional package podrole-${here} is not installed; install without \`--omit=optional\`, ` +
    'and without a lock file of another platform that leaves it out (remove package-lock.json and node_modules, and install again)'
  )
}

/** The platforms whose native module lies where this one's should. */
function installed(): string[] {
  const names = ['../', '../../'].flatMap((folder) => {
    try {
      return readdirSync(new URL(folder, import.meta.url))
    } catch {
      return []
    }
  })
  return names.flatMap((name) => /^podrole[.-](\w+-\w+(?:-\w+)?)(?:\.node)?$/.exec(name)?.[1] ?? [])
}

/** The platforms that the package was published for. */
function offered(): string[] {
  try {
    const { optionalDependencies = {} } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      optionalDependencies?: Record<string, string>
    }
    return Object.keys(optionalDependencies).map((name) => name.replace('podrole-', ''))
  } catch {
    return []
  }
}
