// The worked example from Node, on an AWS emulator and a real API server, with every kind of credentials.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import { after, before, describe, test } from 'node:test'

import { fromEnv } from '@aws-sdk/credential-provider-env'
import { GetRoleCommand, IAMClient, ListAttachedRolePoliciesCommand } from '@aws-sdk/client-iam'
import { KubeConfig } from '@kubernetes/client-node'
import { Client, PodroleError } from 'podrole'

import { account, environment, region } from './environment.mjs'

const grant = {
  cluster: 'devops_aurora',
  serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
  role: { name: 'connections-role-test', description: 'testing sa role for pod' },
  policies: ['AmazonS3FullAccess'],
  deployments: ['connections-app'],
}
const arn = `arn:aws:iam::${account}:role/connections-role-test`

describe('the worked example', () => {
  let world
  let credentials
  before(async () => {
    world = await environment()
    credentials = { accessKeyId: world.front.access_key, secretAccessKey: world.front.secret_key }
    // The fallbacks of the SDKs must not find anything else on this machine.
    process.env.AWS_EC2_METADATA_DISABLED = 'true'
  })
  after(() => world?.end())
  const connect = (options) => Client.connect({ region, endpointUrl: world.front.endpoint, ...options })

  test('by a credentials provider of the AWS SDK and tokens made in-process', async () => {
    process.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = credentials.secretAccessKey
    const provider = fromEnv()
    await using_(await connect({ credentials: provider }), async (client) => {
      delete process.env.AWS_ACCESS_KEY_ID
      await assert.rejects(client.plan(grant), (error) => {
        assert.ok(error instanceof PodroleError)
        assert.equal(error.kind, 'credentials')
        assert.equal(error.cause.name, 'CredentialsProviderError', 'what the provider threw is the cause')
        return true
      })
      process.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId
      const plan = await client.plan(grant)
      assert.ok(String(plan).includes('create role connections-role-test'))
      const kinds = []
      const run = client.apply(plan, { wait: 120, signal: AbortSignal.timeout(300_000) })
      for await (const { kind } of run) {
        kinds.push(kind)
      }
      const receipt = await run
      assert.ok(receipt.isComplete)
      assert.equal(kinds[0], 'started')
      assert.ok(kinds.includes('waiting'), 'the rollout takes a moment')
      const report = await client.verify(grant)
      report.throwForFailures()
      assert.ok((await client.plan(grant)).isEmpty)
      await look()
      await client.revoke(grant, { receipt })
      assert.ok((await client.planRevoke(grant)).isEmpty)
    })
    delete process.env.AWS_ACCESS_KEY_ID
    delete process.env.AWS_SECRET_ACCESS_KEY
  })

  /** The same as the AWS SDK and kubectl see it. */
  async function look() {
    const iam = new IAMClient({ region, endpoint: world.front.endpoint, credentials })
    const { Role } = await iam.send(new GetRoleCommand({ RoleName: 'connections-role-test' }))
    const trust = JSON.parse(decodeURIComponent(Role.AssumeRolePolicyDocument))
    assert.equal(
      Object.entries(trust.Statement[0].Condition.StringEquals).find(([key]) => key.endsWith(':sub'))[1],
      'system:serviceaccount:devops-aurora-1:connections-serviceaccount-s3',
    )
    const { AttachedPolicies } = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName: Role.RoleName }))
    assert.deepEqual(AttachedPolicies.map(({ PolicyName }) => PolicyName), ['AmazonS3FullAccess'])
    iam.destroy()
    const get = async (...what) => JSON.parse(await world.kubectl('get', ...what, '-n', world.namespace, '-o', 'json'))
    const serviceAccount = await get('serviceaccount', 'connections-serviceaccount-s3')
    assert.equal(serviceAccount.metadata.annotations['eks.amazonaws.com/role-arn'], arn)
    const deployment = await get('deployment', 'connections-app')
    assert.equal(deployment.spec.template.spec.serviceAccountName, 'connections-serviceaccount-s3')
  }

  test('credentials that end are asked for again, and those that do not are kept', async () => {
    let calls = 0
    const short = async () => {
      calls += 1
      return { ...credentials, expiration: new Date(Date.now() + 1000) }
    }
    await using_(await connect({ credentials: short }), async (client) => {
      await client.plan(grant)
      const first = calls
      await client.plan(grant)
      assert.ok(first > 0 && calls > first, `${first}, then ${calls}`)
    })
    calls = 0
    const long = () => {
      calls += 1
      return credentials
    }
    await using_(await connect({ credentials: long }), async (client) => {
      await client.plan(grant)
      await client.plan(grant)
      assert.equal(calls, 1, 'the calls to AWS and the token of the cluster share them')
    })
  })

  test('credentials of one account only', async () => {
    const asked = []
    const options = {
      credentials: () => { asked.push('default'); return credentials },
      accountCredentials: { [account]: () => { asked.push(account); return credentials } },
    }
    await using_(await connect(options), async (client) => {
      await client.plan({ ...grant, cluster: { name: 'devops_aurora', account } })
      assert.deepEqual([...new Set(asked)], [account])
    })
  })

  test('what a credentials function gives must be credentials, and is never shown', async () => {
    for (const [given, named] of [
      [undefined, 'credentials must be credentials'],
      ['hunter2', 'credentials must be credentials'],
      [{ accessKeyId: 'hunter2' }, 'credentials.secretAccessKey'],
      [{ accessKeyId: 'hunter2', secretAccessKey: 7 }, 'credentials.secretAccessKey'],
      [{ accessKeyId: 'hunter2', secretAccessKey: 'hunter2', sessionToken: '' }, 'credentials.sessionToken'],
      [{ ...credentials, expiration: 'soon' }, 'credentials.expiration'],
    ]) {
      await using_(await connect({ credentials: async () => given }), async (client) => {
        const error = await client.plan(grant).catch((thrown) => thrown)
        assert.equal(error.kind, 'credentials')
        assert.ok(error.cause.message.includes(named), error.cause.message)
        assert.ok(!inspect(error, { depth: 9 }).includes('hunter2'), inspect(error, { depth: 9 }))
      })
    }
  })

  test('by a kubeconfig: its path, its context, and a KubeConfig of client-node', async () => {
    const kubeConfig = new KubeConfig()
    kubeConfig.loadFromFile(world.plane.kubeconfig)
    const context = kubeConfig.getCurrentContext()
    for (const kubeconfig of [
      world.plane.kubeconfig,
      { path: world.plane.kubeconfig },
      { path: world.plane.kubeconfig, context },
      kubeConfig,
    ]) {
      await using_(await connect({ credentials, kubeconfig }), async (client) => {
        const receipt = await client.apply(grant)
        assert.ok(receipt.isComplete)
        await client.revoke(grant, { receipt })
      })
    }
    await using_(await connect({ credentials, kubeconfig: { path: world.plane.kubeconfig, context: 'nope' } }), async (client) => {
      await assert.rejects(client.plan(grant), { kind: 'config_invalid' })
    })
  })

  test('by a token function, which is called again after a refusal and whose tokens are not shown', async () => {
    await world.kubectl('create', 'serviceaccount', 'deployer', '-n', world.namespace)
    await world.kubectl('create', 'clusterrolebinding', 'deployer', '--clusterrole=cluster-admin', `--serviceaccount=${world.namespace}:deployer`)
    const good = (await world.kubectl('create', 'token', 'deployer', '-n', world.namespace)).trim()
    const asked = []
    const token = (cluster) => {
      asked.push(cluster)
      return asked.length === 1 ? 'hunter2-not-a-token' : Promise.resolve({ token: good, expiration: new Date(Date.now() + 600_000) })
    }
    await using_(await connect({ credentials, token }), async (client) => {
      assert.ok(!(await client.plan(grant)).isEmpty)
    })
    assert.ok(asked.length > 1)
    assert.deepEqual(asked[0], { name: 'devops_aurora', arn: `arn:aws:eks:${region}:${account}:cluster/devops_aurora`, endpoint: world.plane.server })
    await using_(await connect({ credentials, token: () => 'hunter2' }), async (client) => {
      const error = await client.plan(grant).catch((thrown) => thrown)
      assert.equal(error.kind, 'credentials')
      assert.ok(!inspect(error, { depth: 9 }).includes('hunter2'), inspect(error))
    })
    await using_(await connect({ credentials, token: () => new Promise(() => {}), kubernetesTimeout: 0.05 }), async (client) => {
      const error = await client.plan(grant).catch((thrown) => thrown)
      assert.equal(error.kind, 'timeout')
      assert.equal(error.message, 'the function `token` has not answered in time')
    })
    const mine = new Error('no token today')
    await using_(await connect({ credentials, token: () => { throw mine } }), async (client) => {
      const error = await client.plan(grant).catch((thrown) => thrown)
      assert.equal(error.kind, 'credentials')
      assert.equal(error.cause, mine)
    })
  })

  test('the deployment script of the examples', async () => {
    const script = fileURLToPath(new URL('../examples/built/deploy.mjs', import.meta.url))
    const file = fileURLToPath(new URL('../examples/grant.yaml', import.meta.url))
    const args = [script, file, '--yes', '--region', region, '--endpoint-url', world.front.endpoint]
    const env = { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey }
    const { stdout } = await promisify(execFile)(process.execPath, args, { env })
    assert.match(stdout, /role connections-role-test[^]*waiting for the rollout[^]*10 passed, 0 warned, 0 skipped, 0 failed/)
    const again = await promisify(execFile)(process.execPath, [...args, '--kubeconfig', world.plane.kubeconfig], { env })
    assert.match(again.stdout, /nothing to do[^]*10 passed/i)
    await using_(await connect({ credentials }), (client) => client.revoke(grant))
  })

  test('the wrong cluster gets no write', async () => {
    const elsewhere = readFileSync(world.plane.kubeconfig, 'utf8').replace('127.0.0.1', 'localhost')
    const kubeConfig = { exportConfig: () => elsewhere }
    await using_(await connect({ credentials, kubeconfig: kubeConfig }), async (client) => {
      await world.control('DELETE', 'log')
      await assert.rejects(client.apply(grant), { kind: 'config_invalid' })
      const writes = (await world.control('GET', 'log')).filter(({ action }) => /^(Create|Attach|Put|Tag|Update|Delete)/.test(action))
      assert.deepEqual(writes, [])
    })
  })

  test('an abort in the middle, a lost answer, and going on from there', async () => {
    await using_(await connect({ credentials }), async (client) => {
      // Long enough for the abort to come while the role is being made.
      await world.control('PUT', 'faults', [{ action: 'CreateRole', hang_seconds: 0.5 }])
      const controller = new AbortController()
      const aborted = await client
        .apply(grant, { signal: controller.signal, onEvent: ({ kind }) => kind === 'step_started' && controller.abort() })
        .catch((thrown) => thrown)
      assert.equal(aborted.kind, 'cancelled')
      assert.deepEqual(aborted.leftovers, { state: 'remaining', resources: ['create role connections-role-test'] })
      assert.ok(aborted.receipt.steps.some(({ outcome }) => outcome.kind === 'not_started'))
      await world.control('PUT', 'faults', [{ action: 'AttachRolePolicy', after: true, status: 400, code: 'Strange', message: 'x' }])
      const failed = await client.apply(grant).catch((thrown) => thrown)
      assert.ok(failed instanceof PodroleError)
      assert.equal(failed.awsCode, 'Strange')
      const receipt = await client.apply(grant)
      assert.ok(receipt.isComplete)
      await client.revoke(grant, { receipt })
      assert.ok((await client.planRevoke(grant)).isEmpty)
    })
  })
})

async function using_(client, work) {
  try {
    await work(client)
  } finally {
    await client.close()
  }
}
