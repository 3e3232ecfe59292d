// Whatever a caller hands over: a typed error that names the place, and nothing was called.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runInNewContext } from 'node:vm'

import { Client, Grant, Plan, Receipt, Report, Run, dataSyncStatement, kustomizePatch, s3Policy, serviceAccountYaml, trustDocument } from 'podrole'
import { Memory, Stop, World } from 'podrole/testing'

import { failure, seed, simulated } from './support.mjs'

const cyclic = { ...seed }
cyclic.role = { name: 'r', tags: cyclic }
const deep = { ...seed }
for (let level = 0, place = deep; level < 5000; level += 1) {
  place = place.provider = {}
}
const getter = Object.defineProperty({ ...seed }, 'role', {
  enumerable: true,
  get() {
    throw new Error('from the getter')
  },
})
const hostile = new Proxy(
  {},
  {
    ownKeys() {
      throw new Error('from the proxy')
    },
  },
)

/** Grants that are none, and what the message must name. */
const grants = [
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a number', 7, '7'],
  ['a string', 'devops_aurora', 'the string "devops_aurora"'],
  ['an array', [seed], 'an Array'],
  ['a function', () => seed, 'a function'],
  ['a symbol', Symbol('x'), 'a symbol'],
  ['a promise', Promise.resolve(seed), 'a Promise'],
  ['a Map', new Map(Object.entries(seed)), 'a Map'],
  ['nothing in it', {}, 'cluster'],
  ['a missing property', { ...seed, role: undefined }, 'role'],
  ['an unknown property', { ...seed, serviceAcount: 'a/b' }, 'serviceAcount: unknown key; did you mean `serviceAccount`'],
  ['an unknown property further down', { ...seed, policies: ['a', { name: 'x', s3: { bucket: [] } }] }, 'policies[1].s3.bucket: unknown key; did you mean `buckets`'],
  ['snake case', { ...seed, service_account: 'a/b' }, 'did you mean `serviceAccount`'],
  ['a wrong type', { ...seed, role: 7.5 }, 'role: expected a role'],
  ['a wrong type in a list', { ...seed, policies: [true] }, 'policies[0]'],
  ['a list instead of an object', { ...seed, trust: [] }, 'trust'],
  ['null where a value is needed', { ...seed, cluster: null }, 'cluster'],
  ['an unknown word', { ...seed, scope: 'iamm' }, 'scope: unknown value "iamm"; did you mean `iam`'],
  ['an illegal name', { ...seed, role: 'no blanks' }, 'role'],
  ['no namespace', { ...seed, serviceAccount: 'app' }, 'serviceAccount'],
  ['NaN', { ...seed, role: { name: 'r', maxSessionDuration: Number.NaN } }, 'role.maxSessionDuration must be a finite number, this is NaN'],
  ['infinity', { ...seed, token: { expiration: Infinity } }, 'token.expiration must be a finite number'],
  ['a huge number', { ...seed, token: { expiration: 1e300 } }, 'token.expiration'],
  ['a negative number', { ...seed, token: { expiration: -1 } }, 'token.expiration'],
  ['a fraction', { ...seed, role: { name: 'r', maxSessionDuration: 3600.5 } }, 'role.maxSessionDuration'],
  ['a bigint', { ...seed, role: { name: 'r', maxSessionDuration: 3600n } }, 'role.maxSessionDuration must be data, this is a bigint'],
  ['a date', { ...seed, role: { name: 'r', tags: { made: new Date(0) } } }, 'role.tags.made must be a plain object, this is a Date'],
  ['a hole in a list', { ...seed, policies: new Array(3) }, 'policies[0] must be data, this is undefined'],
  ['a huge sparse list', { ...seed, policies: new Array(2 ** 32 - 1) }, 'policies[0]'],
  ['a cycle', cyclic, 'role.tags leads back'],
  ['many levels', deep, 'levels deep'],
  ['a getter that throws', getter, 'role cannot be read: its getter throws'],
  ['a proxy that throws', hostile, 'cannot be read'],
  ['__proto__ as a key', JSON.parse(JSON.stringify(seed).replace('{', '{"__proto__":{"role":"evil"},')), '__proto__'],
  ['constructor as a key', { ...seed, constructor: 'x' }, 'constructor'],
  ['a key with a blank', { ...seed, role: { name: 'r', tags: { 'a b': 7n } } }, 'role.tags["a b"]'],
  ['half of a surrogate pair', { ...seed, role: { name: 'r', description: '\ud800' } }, 'role.description holds half'],
  ['getters of a class', new (class { get cluster() { return 'c' } })(), 'cluster is on a prototype'],
  ['a prototype of data', Object.create(seed), 'cluster is on a prototype'],
  ['a prototype without one', Object.create({ __proto__: null, role: 'r' }), 'role is on a prototype'],
  ['a prototype further up and down', { ...seed, role: Object.create(Object.create({ name: 'r' })) }, 'role.name is on a prototype'],
  ['half a pair in a key', { ...seed, role: { name: 'r', tags: { '\udc00': 'x' } } }, 'role.tags'],
]

describe('a grant', () => {
  for (const [what, grant, named] of grants) {
    for (const verb of ['plan', 'apply', 'verify', 'planRevoke', 'revoke']) {
      test(`${verb}: ${what}`, async () => {
        const { memory, client } = simulated()
        let promise
        assert.doesNotThrow(() => {
          promise = client[verb](grant)
        }, 'it rejects, it does not throw')
        const error = await failure('invalid_input', promise)
        assert.ok(error.message.includes(named), error.message)
        assert.deepEqual(memory.calls(), [])
        assert.ok(error.stack.includes('bad-input.test.mjs'), error.stack)
        assert.equal(error.leftovers.state, 'none')
      })
    }
    test(`Grant.from: ${what}`, async () => {
      const error = await failure('invalid_input', () => Grant.from(grant))
      assert.ok(error.message.includes(named), error.message)
    })
  }
})

test('an error of a getter is the cause', async () => {
  const error = await failure('invalid_input', () => Grant.from(getter))
  assert.equal(error.cause.message, 'from the getter')
})

test('nothing that somebody put on Object.prototype becomes part of a grant', () => {
  Object.prototype.role = 'evil'
  try {
    const { role, ...without } = seed
    assert.throws(() => Grant.from(without), /role/)
  } finally {
    delete Object.prototype.role
  }
})

test('a grant may come without a prototype, from another realm, with getters, and with properties that are undefined', () => {
  const long = Grant.from(seed)
  assert.deepEqual(Grant.from(Object.assign(Object.create(null), seed)), long)
  assert.deepEqual(Grant.from(runInNewContext(`(${JSON.stringify(seed)})`)), long)
  assert.deepEqual(Grant.from({ ...seed, get role() { return 'connections-role-test' } }), long)
  assert.deepEqual(Grant.from({ ...seed, trust: undefined, role: { name: seed.role, path: undefined } }), long)
  assert.deepEqual(Grant.from(long), long)
  // All its data is its own.
  class Mine {
    constructor() { Object.assign(this, seed) }
    describe() {}
  }
  assert.deepEqual(Grant.from(new Mine()), long)
  assert.deepEqual(Grant.from(Object.assign(Object.create(Object.create(null)), seed)), long)
})

test('options on a prototype are named, and prototypes without end are survived', async () => {
  for (const [options, named] of [
    [Object.create({ region: 'ca-central-1' }), 'options.region is on a prototype'],
    [{ accountCredentials: Object.create({ 111122223333: {} }) }, 'options.accountCredentials["111122223333"] is on a prototype'],
    [{ kubeconfig: Object.create({ path: '/x' }) }, 'options.kubeconfig.path is on a prototype'],
  ]) {
    const error = await failure('invalid_input', Client.connect(options))
    assert.ok(error.message.startsWith(named), error.message)
    assert.equal(error.remedy, 'give a plain object')
  }
  const endless = () => new Proxy({}, { getPrototypeOf: endless })
  await failure('invalid_input', () => Grant.from(endless()))
})

test('the same object in two places is no cycle', () => {
  const workload = { name: 'app' }
  assert.equal(Grant.from({ ...seed, deployments: [workload], statefulSets: [workload] }).workloads.length, 2)
})

test('objects that share one another are refused before they fill the memory', { timeout: 30_000 }, async () => {
  let mapping = { a: 'x' }
  let list = ['x']
  for (let level = 0; level < 40; level += 1) {
    mapping = { left: mapping, right: mapping }
    list = [list, list]
  }
  const { client } = simulated()
  for (const [work, path] of [
    [() => client.plan({ ...seed, role: { name: 'r', tags: mapping } }), 'role.tags.left.left'],
    [() => client.apply({ ...seed, policies: list }), 'policies[0][0]'],
    [() => new Memory({ files: mapping }), 'files.left.left'],
  ]) {
    const error = await failure('invalid_input', work)
    assert.ok(error.message.startsWith(path), error.message)
    assert.match(error.message, /there are more than 1000000 values/)
    assert.ok(error.message.length < 400, error.message)
  }
  assert.equal(new Memory({ files: Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`f${index}`, ''])) }).calls().length, 0)
})

const wrongOptions = [
  ['null', null, 'options must be an object, this is null'],
  ['a number', 7, 'options must be an object, this is 7'],
  ['a signal itself', AbortSignal.abort(), 'options must be an object, this is an AbortSignal'],
  ['a listener itself', () => {}, 'options must be an object, this is a function'],
  ['an unknown option', { onevent: () => {} }, 'options.onevent: unknown option; did you mean `onEvent`'],
  ['wait as text', { wait: '60' }, 'options.wait must be a number of seconds'],
  ['wait NaN', { wait: Number.NaN }, 'options.wait'],
  ['wait negative', { wait: -1 }, 'options.wait'],
  ['wait beyond all measure', { wait: 1e300 }, 'options.wait'],
  ['a signal that is none', { signal: {} }, 'options.signal must be an AbortSignal'],
  ['a signal that is null', { signal: null }, 'options.signal must be an AbortSignal'],
  ['a listener that is none', { onEvent: 'x' }, 'options.onEvent must be a function'],
  ['getters of a class', new (class { get signal() { return AbortSignal.abort() } })(), 'options.signal is on a prototype'],
  ['methods of a class', new (class { onEvent() {} })(), 'options.onEvent is on a prototype'],
  ['a prototype of options', Object.create({ wait: 5 }), 'options.wait is on a prototype'],
  ['a getter that throws', { get wait() { throw new Error('no') } }, 'options.wait cannot be read'],
]

describe('options of a run', () => {
  for (const [what, options, named] of wrongOptions) {
    test(what, async () => {
      const { memory, client } = simulated()
      const error = await failure('invalid_input', client.apply(seed, options))
      assert.ok(error.message.includes(named), error.message)
      assert.deepEqual(memory.calls(), [])
    })
  }
  test('of revoke', async () => {
    const { client } = simulated()
    for (const [options, named] of [
      [{ removeProvider: 'yes' }, 'options.removeProvider must be true or false'],
      [{ receipt: 7 }, 'receipt'],
      [{ receipt: {} }, 'options.receipt: '],
      [{ receipt: { get steps() { throw new Error('no') } } }, 'options.receipt: steps cannot be read: its getter throws'],
      [{ remove: true }, 'options.remove: unknown option'],
    ]) {
      const error = await failure('invalid_input', client.revoke(seed, options))
      assert.ok(error.message.includes(named), error.message)
    }
  })
  test('of a call that reads', async () => {
    const { client } = simulated()
    const error = await failure('invalid_input', client.plan(seed, { wait: 5 }))
    assert.ok(error.message.includes('options.wait: unknown option'), error.message)
  })
})

test('a plan that is none', async () => {
  const { client } = simulated()
  const plan = await client.plan(seed)
  for (const [json, named] of [
    ['', 'plan'],
    ['{}', 'plan'],
    [7, 'the plan must be an object'],
    [null, 'the plan must be an object'],
    [{ ...plan, typo: 1 }, 'typo'],
    [{ ...plan, schemaVersion: 2 }, 'schemaVersion: 2'],
    [JSON.stringify(plan).slice(0, -1), 'plan'],
  ]) {
    const error = await failure('invalid_input', () => Plan.fromJson(json))
    assert.ok(error.message.includes(named), error.message)
  }
  await failure('invalid_input', client.apply({ ...plan, typo: 1 }))
  for (const type of [Receipt, Report]) {
    await failure('invalid_input', () => type.fromJson('{}'))
    await failure('invalid_input', () => type.fromJson(undefined))
  }
})

test('a plan cannot be changed between reading and applying it', async () => {
  const { client } = simulated()
  const plan = await client.plan(seed)
  assert.throws(() => plan.steps.pop(), TypeError)
  assert.throws(() => { plan.steps[0].action.role.name = 'other' }, TypeError)
  assert.throws(() => { plan.verb = 'revoke' }, TypeError)
})

test('what the package alone makes says how one comes by it', async () => {
  for (const [type, how] of [
    [Client, /Client\.connect\(\).*Client\.inMemory\(\)/],
    [Run, /client\.apply\(\)/],
    [Stop, /memory\.stopBeforeCall\(\)/],
    [Plan, /client\.plan\(\).*Plan\.fromJson\(\)/],
    [Receipt, /Receipt\.fromJson\(\)/],
    [Report, /client\.verify\(\)/],
  ]) {
    for (const given of [[], [{ region: 'ca-central-1' }], [undefined, {}]]) {
      const error = await failure('invalid_input', () => new type(...given))
      assert.equal(error.message, `a ${type.name} is not made with \`new\``)
      assert.match(error.remedy, how)
      assert.match(error.stack, /^.*\n.*bad-input\.test\.mjs/)
    }
  }
})

test('a method that is called without its client', async () => {
  const { memory, client } = simulated()
  for (const verb of ['plan', 'apply', 'verify', 'planRevoke', 'revoke', 'close']) {
    const method = client[verb]
    for (const work of [() => method(seed), () => method.call({}, seed), () => method.call(Object.create(client), seed), () => method.call(null, seed)]) {
      const error = await failure('invalid_input', work)
      assert.equal(error.message, `\`${verb}\` was called without its client`)
      assert.equal(error.remedy, `call it as \`client.${verb}()\``)
      assert.match(error.stack, /^.*\n.*bad-input\.test\.mjs/)
    }
  }
  await failure('invalid_input', client[Symbol.asyncDispose].call({}))
  assert.deepEqual(memory.calls(), [])
  assert.equal((await client.plan(seed)).steps.length, 4)
})

test('a closed client', async () => {
  const { memory, client } = simulated()
  await client.close()
  await client.close()
  for (const verb of ['plan', 'apply', 'verify', 'planRevoke', 'revoke']) {
    const error = await failure('invalid_input', client[verb](seed))
    assert.equal(error.message, 'the client is closed')
  }
  assert.deepEqual(memory.calls(), [])
})

test('arguments of pure functions', async () => {
  for (const work of [
    () => trustDocument(),
    () => trustDocument(null, 'a/b'),
    () => serviceAccountYaml('a/b', 'not an arn'),
    () => dataSyncStatement('arn:aws:iam::204393242335:role/r', 7),
    () => s3Policy('aws', 'bucket', 'read'),
    () => s3Policy('aws', ['bucket', 7], 'read'),
    () => s3Policy('aws', ['bucket'], 'everything'),
    () => s3Policy('aws', [], 'read'),
    () => kustomizePatch('Upper'),
    () => kustomizePatch('\ud800'),
    () => Grant.fromYaml(undefined),
    () => Grant.fromYaml('cluster: [\n'),
    () => Grant.toYaml({}),
    () => Grant.fromFile(7),
  ]) {
    const error = await failure('invalid_input', work)
    assert.ok(error.stack.includes('bad-input.test.mjs'), error.stack)
  }
  const absent = await failure('not_found', Grant.fromFile('no-such-file.yaml'))
  assert.ok(absent.stack.includes('bad-input.test.mjs'), absent.stack)
  await failure('invalid_input', Grant.fromFile('package.toml'))
  const url = new URL('examples/grant.yaml', import.meta.url)
  assert.deepEqual(await Grant.fromFile(url), await Grant.fromFile('examples/grant.yaml'))
  const elsewhere = await failure('invalid_input', Grant.fromFile(new URL('https://example.com/grant.yaml')))
  assert.equal(elsewhere.remedy, 'give a `file:` URL')
})

test('worlds, faults and the rest of podrole/testing', async () => {
  const memory = new Memory()
  for (const work of [
    () => new Memory(null),
    () => new Memory({ acounts: {} }),
    () => new Memory(World),
    () => World.fromJson('{'),
    () => World.comparable(7),
    () => Client.inMemory({}),
    () => Client.inMemory(),
    () => Client.inMemory(memory, { ownr: 'x' }),
    () => Client.inMemory(memory, { owner: 'no blanks' }),
    () => Client.inMemory(memory, { owner: 7 }),
    () => Client.inMemory(memory, { propagation: -1 }),
    () => Client.inMemory(memory, { onEvent: 7 }),
    () => memory.edit('x'),
    () => memory.edit((world) => { world.typo = 1 }),
    () => memory.edit(() => 7),
    () => memory.script({ operation: 'iam:*', effect: { type: 'explode' } }),
    () => memory.script(undefined),
    () => memory.setLatency(Number.NaN),
    () => memory.setLag('1'),
    () => memory.stopBeforeCall(0),
    () => memory.stopAfterCall(1, 'some'),
    () => memory.pointKubernetesAt('c', 'no arn'),
    () => memory.assumeRoleWithWebIdentity('no arn', 'a/b', 'no arn'),
  ]) {
    const error = await failure('invalid_input', work)
    assert.ok(error.stack.includes('bad-input.test.mjs'), `${work}: ${error.stack}`)
  }
  assert.deepEqual(memory.world(), new Memory().world())
})

test('what is wrong with a world, a fault or a receipt is named by its path', async () => {
  const { client, memory } = simulated()
  const receipt = JSON.parse(JSON.stringify(await client.apply(seed)))
  const arn = Object.keys(World.seed().clusters)[0]
  const world = (change) => {
    const world = World.seed()
    change(world.clusters[arn].namespaces['devops-aurora-1'], world)
    return world
  }
  const place = `clusters[${JSON.stringify(arn)}].namespaces["devops-aurora-1"]`
  for (const [work, words] of [
    [() => new Memory({ account: 5 }), 'account: unknown key; did you mean `accounts`?'],
    [() => new Memory({ accounts: 5 }), 'accounts: expected a mapping, found 5'],
    [() => new Memory({ schemaVersion: 9 }), 'schemaVersion: 9 is not known'],
    [() => new Memory(world((namespace) => { namespace.deployment = {} })), `${place}.deployment: unknown key; did you mean \`deployments\`?`],
    [() => World.fromJson(world((namespace) => { namespace.deployments['connections-app'].paused = 'é' })), `${place}.deployments["connections-app"].paused: expected true or false, found the text "é"`],
    [() => World.comparable(world((namespace) => { namespace.pods = { p: { labels: { 'é"': '{' } } } })), `${place}.pods.p: the key \`serviceAccount\` is missing`],
    [() => memory.edit((held) => { held.file = {} }), 'file: unknown key; did you mean `files`?'],
    [() => memory.edit(() => world((_, held) => { held.accounts['204393242335'].roles = { r: { trust: {}, attachedPolicies: ['a', 7] } } })), 'accounts.204393242335.roles.r.'],
    [() => memory.script({ operation: 'iam:CreateRole', effect: { type: 'denyed' } }), 'effect.type: unknown value "denyed"; did you mean `denied`?'],
    [() => memory.script({ operation: 'iam:CreateRole', efect: { type: 'denied' } }), 'efect: unknown key; did you mean `effect`?'],
    [() => memory.script({ operation: 'iam:CreateRole' }), 'this is not a fault: the key `effect` is missing'],
    [() => memory.script({ operation: 'iam:CreatRole', effect: { type: 'denied' } }), 'operation: there is no call "iam:CreatRole"; did you mean `iam:CreateRole`?'],
    [() => memory.script({ operation: 'ec2:*', effect: { type: 'denied' } }), 'operation: there is no call "ec2:*"'],
    [() => memory.script({ operation: 'iam:*', nth: 0, effect: { type: 'denied' } }), 'nth must be a whole number from 1, this is 0'],
    [() => memory.assumeRoleWithWebIdentity(arn, 'ns/name/extra', arn), 'serviceAccount must be namespace/name, this is the string "ns/name/extra"'],
    [() => Receipt.fromJson({ ...receipt, step: 1 }), 'step: unknown key; did you mean `steps`?'],
    [() => client.revoke(seed, { receipt: { ...receipt, steps: [receipt.steps[0], { ...receipt.steps[1], durationMs: '1' }] } }), 'options.receipt: steps[1].durationMs: expected a whole number'],
  ]) {
    const error = await failure('invalid_input', work)
    assert.ok(error.message.startsWith(words), `${error.message}\n${words}`)
    assert.ok(error.stack.includes('bad-input.test.mjs'), error.stack)
  }
  assert.deepEqual(new Memory({}).world(), new Memory({ schemaVersion: 1, accounts: {}, clusters: {} }).world())
})

test('what podrole gives is told apart from the grant that is wanted', async () => {
  const { client } = simulated()
  const plan = await client.plan(seed)
  const receipt = await client.apply(plan)
  const report = await client.verify(seed)
  for (const [given, name, remedy] of [
    [plan, 'a plan', /plan\.grants\[0\]/],
    [receipt, 'a receipt', /`plan` of the receipt/],
    [report, 'a report', /the grant that was verified/],
  ]) {
    for (const value of [given, JSON.parse(JSON.stringify(given))]) {
      for (const work of [
        () => client.plan(value),
        () => client.verify(value),
        () => client.planRevoke(value),
        () => client.revoke(value),
        () => Grant.from(value),
        () => Grant.toYaml(value),
        ...(given === plan ? [] : [() => client.apply(value)]),
      ]) {
        const error = await failure('invalid_input', work)
        assert.match(error.message, new RegExp(`^the (plan or )?grant must be a grant, this is ${name}$`))
        assert.match(error.remedy, remedy)
      }
    }
  }
  assert.ok((await client.apply(receipt.plan).catch((error) => error)).kind === 'plan_stale', 'its plan can be given')
})

test('a proxy that was revoked is input like any other, and long names are cut', async () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const { client, memory } = simulated()
  for (const work of [
    () => client.plan(proxy),
    () => client.apply(proxy),
    () => client.plan(seed, proxy),
    () => client.plan(seed, { signal: proxy }),
    () => client.plan({ ...seed, role: proxy }),
    () => client.revoke(seed, { receipt: proxy }),
    () => Client.inMemory(proxy),
    () => Client.inMemory(Object.create(Memory.prototype)),
    () => Client.connect({ credentials: proxy }),
    () => Plan.fromJson(proxy),
    () => trustDocument(proxy, proxy),
    () => s3Policy('aws', proxy, 'read'),
    () => new Memory(proxy),
    () => memory.script(proxy),
    () => memory.edit(() => proxy),
  ]) {
    await failure('invalid_input', work)
  }
  const error = await failure('invalid_input', () => Grant.from({ ...seed, role: { name: 'r', tags: { ['k'.repeat(10_000)]: 7n } } }))
  assert.ok(error.message.length < 200, error.message)
})

test('what a change of the world throws comes out as it is, and nothing is changed', () => {
  const memory = new Memory()
  const mine = new Error('mine')
  assert.throws(() => memory.edit((world) => { world.accounts = {}; throw mine }), (error) => error === mine)
  assert.deepEqual(memory.world(), new Memory().world())
})

test('a secret in the wrong place is not shown, and what cannot be read is named', async () => {
  const secret = 'k8s-aws-v1.hush'
  for (const [given, wanted] of [
    [{ token: secret }, 'options.token must be a function, this is a string'],
    [{ accountCredentials: secret }, 'options.accountCredentials must be an object, this is a string'],
    [{ credentials: secret }, 'options.credentials must be credentials or a function that gives them, this is a string'],
    [{ credentials: { accessKeyID: 'AKIA', secretAccessKey: secret } }, 'options.credentials.accessKeyID: unknown; did you mean `accessKeyId`?'],
    [
      { credentials: { accessKeyId: 'AKIA', secretAccessKey: 'x', sessiontoken: secret } },
      'options.credentials.sessiontoken: unknown; did you mean `sessionToken`?',
    ],
    [{ credentials: { accessKeyId: 'AKIA', secretAccessKey: 'x', expiration: secret } }, 'options.credentials.expiration must be a valid Date, this is a string'],
    [{ credentials: hostile }, 'options.credentials cannot be read'],
    [{ accountCredentials: { 111122223333: hostile } }, 'options.accountCredentials["111122223333"] cannot be read'],
    [{ credentials: { accessKeyId: 'AKIA', get secretAccessKey() { throw new Error('no') } } }, 'options.credentials.secretAccessKey cannot be read: its getter throws'],
    [{ accountCredentials: hostile }, 'options.accountCredentials cannot be read'],
    [{ accountCredentials: { get 111122223333() { throw new Error('no') } } }, 'options.accountCredentials["111122223333"] cannot be read: its getter throws'],
    [
      { accountCredentials: { 111122223333: { get accessKeyId() { throw new Error('no') } } } },
      'options.accountCredentials["111122223333"].accessKeyId cannot be read: its getter throws',
    ],
    [{ kubeconfig: { get exportConfig() { throw new Error('no') } } }, 'options.kubeconfig.exportConfig cannot be read: its getter throws'],
    [{ kubeconfig: { exportConfig() { throw new Error('no') } } }, 'options.kubeconfig: its exportConfig fails'],
    [{ kubeconfig: { exportConfig: () => 7 } }, 'options.kubeconfig.exportConfig() must be a string, this is 7'],
    [hostile, 'options cannot be read'],
    [secret, 'options must be an object, this is a string'],
  ]) {
    const error = await failure('invalid_input', () => Client.connect(given))
    assert.equal(error.message, wanted)
    assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes(secret), error.stack)
  }
  // What a provider of the AWS SDK gives beside is no typo.
  const client = await Client.connect({ credentials: { accessKeyId: 'AKIA', secretAccessKey: 'x', accountId: '111122223333', $source: {} } })
  await client.close()
  await failure('invalid_input', simulated().client.plan(seed, { signal: hostile }))
})
