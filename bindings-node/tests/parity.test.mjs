// What of tests/parity.json exists when the program runs; parity-types.mjs compares the types.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import * as podrole from 'podrole'

import { artifacts, camel } from './conformance/runner.mjs'

const parity = JSON.parse(readFileSync(`${process.env.PODROLE_ROOT}/tests/parity.json`, 'utf8'))
const methods = (type) => Object.getOwnPropertyNames(type.prototype)

test('every verb of a client and everything of a run is a method', () => {
  for (const verb of Object.keys(parity.client)) {
    assert.ok(methods(podrole.Client).includes(camel(verb)), verb)
  }
  for (const name of parity.run) {
    assert.ok(methods(podrole.Run).includes(camel(name)), name)
  }
})

test('a client has no verb that the other languages lack', () => {
  const own = ['constructor', 'close']
  assert.deepEqual(
    methods(podrole.Client).filter((name) => !own.includes(name)).sort(),
    Object.keys(parity.client).map(camel).sort(),
  )
})

test('every pure function is there with its arguments in order', () => {
  assert.deepEqual(
    Object.fromEntries(Object.entries(artifacts)),
    Object.fromEntries(Object.entries(parity.artifacts).map(([name, list]) => [name, list.map(camel)])),
  )
  for (const [name, list] of Object.entries(artifacts)) {
    assert.equal(typeof podrole[camel(name)], 'function', name)
    const written = podrole[camel(name)].toString().match(/\(([^)]*)\)/)[1]
    assert.deepEqual(written.split(', '), list, name)
  }
})

test('every kind of error can be made and has its code', () => {
  for (const kind of parity.errors) {
    const error = new podrole.PodroleError({ kind, message: 'x' })
    assert.equal(error.code, `PODROLE_${kind.toUpperCase()}`)
  }
})
