// Every example of the documentation runs; doc-examples.mjs took them out, and scripts/test-node compiled them.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const folder = new URL('doc-examples/built/', import.meta.url)

for (const name of readdirSync(folder)) {
  test(name, () => {
    const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL(name, folder))], { encoding: 'utf8', timeout: 60_000 })
    assert.equal(status, 0, stderr)
    assert.equal(stderr, '')
  })
}
