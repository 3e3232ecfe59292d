// Tests of one's own tooling on the simulation: here with node:test; vitest and jest do the same.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Client } from 'podrole'
import { Memory, World } from 'podrole/testing'

/** The tooling under test: gives every service of a team its role. */
async function grantAll(client, team, services) {
  const failed = []
  for (const service of services) {
    try {
      await client.apply({
        cluster: team.cluster,
        serviceAccount: `${team.namespace}/${service}`,
        role: { name: `${team.namespace}-${service}`, tags: { team: team.name } },
        policies: ['AmazonS3ReadOnlyAccess'],
      })
    } catch (error) {
      failed.push({ service, kind: error.kind, missing: error.action })
    }
  }
  return failed
}

const team = { name: 'data', cluster: 'devops_aurora', namespace: 'devops-aurora-1' }
const account = '204393242335'

test('every service gets a role of its own, with the tag of its team', async () => {
  const memory = new Memory()
  assert.deepEqual(await grantAll(Client.inMemory(memory), team, ['api', 'worker']), [])
  const { roles } = memory.world().accounts[account]
  assert.equal(roles['devops-aurora-1-api'].tags.team, 'data')
  assert.deepEqual(roles['devops-aurora-1-worker'].attachedPolicies, ['arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess'])
})

test('its pods get credentials, and those of other service accounts do not', async () => {
  const memory = new Memory()
  await grantAll(Client.inMemory(memory), team, ['api'])
  const cluster = `arn:aws:eks:ca-central-1:${account}:cluster/devops_aurora`
  const role = `arn:aws:iam::${account}:role/devops-aurora-1-api`
  assert.match(memory.assumeRoleWithWebIdentity(cluster, 'devops-aurora-1/api', role).arn, /assumed-role/)
  assert.throws(() => memory.assumeRoleWithWebIdentity(cluster, 'devops-aurora-1/default', role), { kind: 'permission_denied' })
})

test('a denial is reported with the missing permission, and the others go on', async () => {
  const memory = new Memory()
  memory.script({ operation: 'iam:CreateRole', nth: 1, effect: { type: 'denied' } })
  const failed = await grantAll(Client.inMemory(memory), team, ['api', 'worker'])
  assert.deepEqual(failed, [{ service: 'api', kind: 'permission_denied', missing: 'iam:CreateRole' }])
})

test('doing it again writes nothing', async () => {
  const memory = new Memory()
  const client = Client.inMemory(memory)
  await grantAll(client, team, ['api'])
  const before = memory.world()
  memory.clearCalls()
  await grantAll(client, team, ['api'])
  assert.deepEqual(memory.calls().filter(({ write }) => write), [])
  assert.deepEqual(World.comparable(memory.world()), World.comparable(before))
})
