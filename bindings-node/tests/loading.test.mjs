// What somebody is told whose installation has no native module that works.

import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'

const folder = mkdtempSync(join(tmpdir(), 'podrole-'))
after(() => rmSync(folder, { recursive: true }))
const [file] = readdirSync('node_modules/podrole').filter((name) => name.endsWith('.node'))
const here = file.slice('podrole.'.length, -'.node'.length)

/** Loads an installation that was changed: the package lies in `modules/podrole`, without a native module. */
async function told(name, change) {
  const modules = join(folder, name)
  const own = join(modules, 'podrole')
  cpSync('node_modules/podrole', own, { recursive: true, filter: (path) => !path.endsWith('.node') })
  change({ own, modules })
  try {
    await import(pathToFileURL(join(own, 'dist/index.js')))
  } catch (error) {
    assert.ok(error.cause instanceof AggregateError)
    const beginning = `podrole has no working native module for ${here}: `
    assert.ok(error.message.startsWith(beginning), error.message)
    return error.message.slice(beginning.length)
  }
  assert.fail('it loads')
}

function offer({ own }, ...platforms) {
  const manifest = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8'))
  const optionalDependencies = Object.fromEntries(platforms.map((platform) => [`podrole-${platform}`, manifest.version]))
  writeFileSync(join(own, 'package.json'), JSON.stringify({ ...manifest, optionalDependencies }))
}

test('without the optional package', async () => {
  const words = await told('omitted', (place) => offer(place, here, 'plan9-mips'))
  assert.match(words, new RegExp(`^the optional package podrole-${here} is not installed; .*--omit=optional.*package-lock`))
})

test('with that of another platform', async () => {
  const words = await told('copied', (place) => {
    offer(place, here, 'plan9-mips')
    mkdirSync(join(place.modules, 'podrole-plan9-mips'))
  })
  assert.match(words, /^there is only that of plan9-mips; install podrole on this machine/)
})

test('on a platform that there is none for', async () => {
  assert.equal(await told('foreign', (place) => offer(place, 'plan9-mips')), 'there is none; podrole is made for plan9-mips')
})

test('with one that does not load', async () => {
  const words = await told('broken', ({ own }) => writeFileSync(join(own, file), 'no library'))
  assert.match(words, /^it is there and does not load \(.+\); install podrole again on this machine$/)
})
