// What the package shows to somebody who looks at it: names, types, and nothing of its inside.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inspect } from 'node:util'

import * as podrole from 'podrole'
import * as testing from 'podrole/testing'

import { failure, seed, simulated } from './support.mjs'

const declarations = readdirSync('node_modules/podrole/dist').filter((name) => name.endsWith('.d.ts'))
const text = (name) => readFileSync(`node_modules/podrole/dist/${name}`, 'utf8')

test('the names of the package are these', () => {
  assert.deepEqual(Object.keys(podrole), [
    'Client', 'Grant', 'Plan', 'PodroleError', 'Receipt', 'Report', 'Run', 'dataSyncStatement', 'kustomizePatch', 's3Policy',
    'serviceAccountYaml', 'trustDocument', 'version',
  ])
  assert.deepEqual(Object.keys(testing), ['Memory', 'Stop', 'World'])
})

test('the types have no `any`, no enum, and nothing that is internal', () => {
  assert.ok(declarations.length > 15)
  for (const name of declarations) {
    const code = text(name).replace(/\/\*\*[^]*?\*\//g, '')
    assert.doesNotMatch(code, /\bany\b/, name)
    assert.doesNotMatch(code, /\benum\b/, name)
    assert.doesNotMatch(text(name), /@internal/, name)
  }
})

test('everything that is exported has a comment', () => {
  for (const name of declarations.filter((name) => !/^(native|platform|call|input|index|testing)\.d\.ts$/.test(name))) {
    for (const [index, line] of text(name).split('\n').entries()) {
      if (/^export (declare |interface |type (?!\{)|const )/.test(line)) {
        const before = text(name).split('\n')[index - 1]
        assert.ok(before?.trim().endsWith('*/'), `${name}:${index + 1}: ${line}`)
      }
    }
  }
})

test('what is printed is for people', async () => {
  const { client, memory } = simulated()
  const plan = await client.plan(seed)
  assert.equal(inspect(plan), String(plan))
  const receipt = await client.apply(plan)
  assert.equal(inspect(receipt), String(receipt))
  const report = await client.verify(seed)
  assert.equal(inspect(report), String(report))
  memory.script({ operation: 'iam:GetRole', effect: { type: 'denied' } })
  const error = await failure('permission_denied', client.plan(seed))
  assert.match(inspect(error), /action: 'iam:GetRole'/)
  assert.match(inspect(error), /remedy: /)
})

test('an error is written to JSON with everything that it says, the receipt too', async () => {
  const { client, memory } = simulated()
  memory.script({ operation: 'iam:AttachRolePolicy', effect: { type: 'denied' } })
  const error = await failure('permission_denied', client.apply(seed))
  const { receipt, ...said } = JSON.parse(JSON.stringify(error))
  assert.deepEqual(said, {
    name: 'PodroleError', kind: 'permission_denied', code: 'PODROLE_PERMISSION_DENIED', message: error.message, operation: 'iam:AttachRolePolicy',
    resource: error.resource, awsCode: 'AccessDenied', action: 'iam:AttachRolePolicy', remedy: error.remedy, retry: 'never', retryable: false,
    conflicts: [], leftovers: error.leftovers,
  })
  assert.deepEqual(podrole.Receipt.fromJson(receipt), error.receipt)
  assert.ok(error.stack.startsWith(`PodroleError: ${error.resource}: ${error.message}\n`), error.stack)
})

test('an error of the package can be made by tests of others', () => {
  const cause = new Error('beneath')
  const error = new podrole.PodroleError({ kind: 'throttled', message: 'slow down', retry: 'exhausted' }, { cause })
  assert.equal(error.name, 'PodroleError')
  assert.equal(String(error), 'PodroleError: slow down')
  assert.equal(String(new podrole.PodroleError({ kind: 'not_found', message: 'it does not exist', resource: 'role r' })), 'PodroleError: role r: it does not exist')
  assert.equal(error.retryable, true)
  assert.equal(error.cause, cause)
  assert.deepEqual(error.leftovers, { state: 'none' })
})
