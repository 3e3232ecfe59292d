// What the tests share.

import assert from 'node:assert/strict'

import { Client, PodroleError } from 'podrole'
import { Memory } from 'podrole/testing'

/** The worked example. */
export const seed = Object.freeze({
  cluster: 'devops_aurora',
  serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
  role: 'connections-role-test',
  policies: ['AmazonS3FullAccess'],
  deployments: ['connections-app'],
})

/** A simulated world and a client of it. */
export function simulated(options) {
  const memory = new Memory()
  return { memory, client: Client.inMemory(memory, options) }
}

/** The failure that a promise, or what a function gives or throws, comes to; it must be a PodroleError of a kind. */
export async function failure(kind, work) {
  let error
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (thrown) {
    error = thrown
  }
  assert.ok(error instanceof PodroleError, `it came to ${error?.stack ?? error}`)
  assert.equal(error.kind, kind, error.message)
  assert.ok(error.message.length > 0)
  return error
}

export const writes = (memory) => memory.calls().filter(({ write }) => write).map(({ operation }) => operation)
