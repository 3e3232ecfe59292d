// Runs examples/node, which lie in `examples` here; `deploy.mts` was compiled by scripts/test-node.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'

const folder = new URL('examples/', import.meta.url)

function run(...args) {
  const { NODE_TEST_CONTEXT, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env, timeout: 60_000 })
  return { status, out: stdout, err: stderr }
}

const said = {
  'quickstart.mjs': [/create role connections-role-test/, /10 passed, 0 warned/, /0 steps left to revoke/],
  'progress.mjs': [/5 steps, \d+ calls/],
  'abort.mjs': [/stopped: enough for an example/, /not started/, /gone on from there/],
}

for (const name of readdirSync(folder).filter((name) => /(?<!\.test)\.mjs$/.test(name))) {
  test(name, () => {
    const { status, out, err } = run(name)
    assert.equal(status, 0, err)
    for (const words of said[name]) {
      assert.match(out, words)
    }
  })
}

test('tooling.test.mjs', () => {
  const { status, out } = run('--test', '--test-reporter', 'tap', 'tooling.test.mjs')
  assert.equal(status, 0, out)
  assert.match(out, /^# pass 4$/m)
})

test('deploy.mts, simulated', () => {
  const { status, out, err } = run('built/deploy.mjs', 'grant.yaml', '--simulated', '--yes')
  assert.equal(status, 0, err)
  assert.match(out, /3 to add, 1 to change, 0 to remove/)
  assert.match(out, /10 passed/)
})

test('deploy.mts says what is wrong', () => {
  assert.equal(run('built/deploy.mjs').status, 2)
  const absent = run('built/deploy.mjs', 'no-such-file.yaml', '--simulated')
  assert.equal(absent.status, 1)
  assert.match(absent.err, /^not_found: .*no-such-file\.yaml: /)
  assert.equal(run('built/deploy.mjs', 'grant.yaml', '--simulated').status, 3, 'nobody agrees')
})
