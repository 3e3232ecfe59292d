import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { only } from './conformance/json.mjs'
import { runCase } from './conformance/runner.mjs'

const folder = join(process.env.PODROLE_ROOT, 'tests/conformance')
const load = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'))

const index = load('index.json')
only(index, ['formatVersion', 'cases', 'files', 'shorthands', 'grants'])

let run = 0
const names = new Set()
for (const [name, count] of Object.entries(index.files)) {
  describe(name, () => {
    const file = load(name)
    only(file, ['formatVersion', 'theme', 'cases'])
    test('it is of the known format and has as many cases as the index says', () => {
      assert.equal(file.formatVersion, 1)
      assert.equal(file.cases.length, count)
    })
    for (const definition of file.cases) {
      test(definition.name, async () => {
        await runCase(index, definition)
        names.add(definition.name)
        run += 1
      })
    }
  })
}

test('every case of the index was run', () => {
  assert.equal(index.formatVersion, 1)
  assert.deepEqual(
    readdirSync(folder).filter((name) => !['README.md', 'index.json'].includes(name)).sort(),
    Object.keys(index.files).sort(),
  )
  assert.equal(run, index.cases)
  assert.equal(names.size, index.cases)
})

describe('a case is worth nothing if a wrong expectation passes', () => {
  const wrong = [
    { empty: true },
    { steps: [] },
    { notices: [{ level: 'info', resource: 'x', contains: 'y' }] },
    { printed: ['no such words'] },
    { calls: { 'iam:GetRole': 7 } },
    { writes: ['iam:CreateRole'] },
    { world: { '@account/roles/none': 1 } },
    { absent: ['@account/oidcProviders'] },
    { error: { kind: 'not_found' } },
    { checks: [] },
    { outcomes: [] },
    { document: {} },
    { text: '' },
    { typo: 1 },
  ]
  for (const expect of wrong) {
    test(JSON.stringify(expect), async () => {
      await assert.rejects(runCase(index, { name: 'x', steps: [{ do: 'plan', grant: 'seed', expect }] }))
    })
  }
})
