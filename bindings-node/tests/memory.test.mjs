// podrole/testing: what people test their own tooling with.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Client } from 'podrole'
import { Memory, World } from 'podrole/testing'

import { failure, seed, simulated, writes } from './support.mjs'

const cluster = 'arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora'
const role = 'arn:aws:iam::204393242335:role/connections-role-test'

test('the world is data: it can be saved, read and compared', async () => {
  const { client, memory } = simulated()
  await client.apply(seed)
  const saved = JSON.stringify(memory.world())
  const again = new Memory(World.fromJson(saved))
  assert.deepEqual(again.world(), memory.world())
  assert.ok((await Client.inMemory(again).plan(seed)).isEmpty)
  assert.ok(memory.world().accounts['204393242335'].roles['connections-role-test'])
})

test('a world that is given is left alone', () => {
  const world = World.seed()
  const memory = new Memory(world)
  memory.edit((held) => { held.files = { a: 'b' } })
  assert.deepEqual(world, World.seed())
  assert.deepEqual(memory.world().files, { a: 'b' })
  memory.edit(() => ({ ...world, files: { c: 'd' } }))
  assert.deepEqual(memory.world().files, { c: 'd' })
})

test('an edit ends, whatever the world holds and its function does', async () => {
  const world = World.seed()
  const numbers = [0.1, 123456789012345680000, 1.7976931348623157e308, 5e-324, 4.708356024711512e18, 1.1e23, -0.1]
  world.accounts['204393242335'].policies.p = {
    versions: { v1: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*', Condition: { NumericLessThan: { 's3:max-keys': numbers } } }] } },
    defaultVersion: 'v1',
  }
  const memory = new Memory(world)
  let times = 0
  memory.edit((held) => {
    times += 1
    assert.ok(times < 3, 'it was called again, though nothing changed')
    held.files = { a: 'b' }
  })
  assert.deepEqual(memory.world().files, { a: 'b' })
  // An edit in an edit would have the outer one begin again, for ever.
  const nested = await failure('invalid_input', () => memory.edit(() => { memory.edit((held) => { held.files = {} }) }))
  assert.match(nested.message, /edit was called by the function that another edit/)
  assert.ok(nested.stack.includes('memory.test.mjs'), nested.stack)
  assert.deepEqual(memory.world().files, { a: 'b' })
  // Another world may be edited meanwhile, and this one afterwards, also after a function that threw.
  memory.edit((held) => {
    const other = new Memory()
    other.edit((inner) => { inner.files = { c: 'd' } })
    held.files = other.world().files
  })
  assert.deepEqual(memory.world().files, { c: 'd' })
})

test('an edit of a world that changes each time gives up', async () => {
  const { client, memory } = simulated()
  const runs = []
  const error = await failure('conflict', () => memory.edit(() => {
    const roles = () => Object.keys(memory.world().accounts['204393242335'].roles).length
    const before = roles()
    runs.push(client.apply({ ...seed, role: `role-${runs.length}`, scope: 'iam', deployments: [] }))
    // The run has threads of its own.
    while (roles() === before) {}
  }))
  assert.equal(runs.length, 100)
  assert.equal(error.message, 'the world changed each of the 100 times that it was to be edited')
  assert.ok(error.stack.includes('memory.test.mjs'), error.stack)
  await Promise.all(runs)
})

test('calls are logged, and can be forgotten', async () => {
  const { client, memory } = simulated()
  await client.plan(seed)
  assert.ok(memory.calls().some(({ operation, resource, write }) => operation === 'iam:GetRole' && resource.includes('connections') && !write))
  assert.deepEqual(writes(memory), [])
  memory.clearCalls()
  assert.deepEqual(memory.calls(), [])
})

test('a fault is played at the call that is meant, until faults are forgotten', async () => {
  const { client, memory } = simulated()
  memory.script({ operation: 'iam:*', nth: 1, effect: { type: 'error', error: 'limit_exceeded', code: 'LimitExceeded', message: 'no more' } })
  const error = await failure('limit_exceeded', client.plan(seed))
  assert.equal(error.awsCode, 'LimitExceeded')
  assert.ok(error.message.includes('no more'))
  assert.equal((await client.plan(seed)).steps.length, 4)
  memory.script({ operation: 'eks:DescribeCluster', effect: { type: 'throttled' } })
  assert.equal((await failure('throttled', client.plan(seed))).retry, 'exhausted')
  memory.clearFaults()
  assert.equal((await client.plan(seed)).steps.length, 4)
})

test('a stop stands for a crash: what was begun is taken up by the next apply', async () => {
  for (const [place, nth] of [['stopBeforeCall', 1], ['stopAfterCall', 1], ['stopAfterCall', 2]]) {
    const { client, memory } = simulated()
    const stop = memory[place](nth, 'writes')
    assert.equal(stop.isReached, false)
    const run = client.apply(seed)
    await stop.reached()
    assert.equal(stop.isReached, true)
    run.cancel()
    run.cancel()
    await failure('cancelled', run)
    memory.restart()
    assert.ok((await client.apply(seed)).isComplete)
    assert.ok((await client.verify(seed)).passed)
  }
})

test('what a pod gets from STS', async () => {
  const { client, memory } = simulated()
  const ask = () => memory.assumeRoleWithWebIdentity(cluster, seed.serviceAccount, role)
  await failure('not_found', ask)
  await client.apply(seed)
  assert.ok(ask().arn.includes('assumed-role/connections-role-test/'))
  const denied = await failure('permission_denied', () => memory.assumeRoleWithWebIdentity(cluster, 'devops-aurora-1/default', role))
  assert.equal(denied.awsCode, 'AccessDenied')
  const audience = await failure('permission_denied', () =>
    memory.assumeRoleWithWebIdentity(cluster, seed.serviceAccount, role, 'other'),
  )
  assert.equal(audience.awsCode, 'InvalidIdentityToken')
})

test('the wrong cluster gets no write', async () => {
  const { client, memory } = simulated()
  const other = cluster.replace('devops_aurora', 'other')
  memory.edit((world) => { world.clusters[other] = { ...world.clusters[cluster], endpoint: 'https://other.example.com' } })
  const plan = await client.plan(seed)
  memory.pointKubernetesAt('devops_aurora', other)
  for (const ask of [() => client.apply(plan), () => client.plan(seed), () => client.verify(seed)]) {
    await failure('config_invalid', ask())
  }
  assert.deepEqual(writes(memory), [])
})

test('an owner is another owner', async () => {
  const { client, memory } = simulated()
  await client.apply(seed)
  const other = Client.inMemory(memory, { owner: 'somebody-else', propagation: 0 })
  const plan = await other.planRevoke(seed)
  assert.ok(!plan.steps.some(({ action }) => action.kind === 'delete_role'))
})
