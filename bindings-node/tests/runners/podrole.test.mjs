// The same body under jest and vitest, whose globals these are. Each may give a test file a realm of its own, in which the errors of native
// modules are no instances of `Error`.

import { Client, PodroleError } from 'podrole'
import { Memory } from 'podrole/testing'

const seed = {
  cluster: 'devops_aurora',
  serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
  role: 'connections-role-test',
  policies: ['AmazonS3FullAccess'],
  deployments: ['connections-app'],
}

test('the simulated account and cluster', async () => {
  const memory = new Memory()
  const client = Client.inMemory(memory)
  const receipt = await client.apply(seed)
  expect(receipt.isComplete).toBe(true)
  expect((await client.verify(seed)).passed).toBe(true)
  expect(Object.keys(Object.values(memory.world().accounts)[0].roles)).toContain('connections-role-test')
})

test('a failed run rejects with a typed error that has the receipt', async () => {
  const memory = new Memory()
  memory.script({ operation: 'iam:AttachRolePolicy', effect: { type: 'denied' } })
  const error = await Client.inMemory(memory).apply(seed).catch((thrown) => thrown)
  expect(error).toBeInstanceOf(PodroleError)
  expect(error).toBeInstanceOf(Error)
  expect(error.kind).toBe('permission_denied')
  expect(error.action).toBe('iam:AttachRolePolicy')
  expect(error.message).not.toContain('{')
  expect(error.receipt.done).toContain('create role connections-role-test')
  expect(error.stack).toContain('podrole.test.mjs')
})

test('bad input is named, and a function of the caller is believed', async () => {
  expect(() => new Memory({ acounts: {} })).toThrow(expect.objectContaining({ kind: 'invalid_input' }))
  const mine = new TypeError('no credentials today')
  const client = await Client.connect({ region: 'ca-central-1', credentials: () => { throw mine } })
  await expect(client.plan({ ...seed, scope: 'iam', deployments: [] })).rejects.toMatchObject({ kind: 'credentials', cause: mine })
})
