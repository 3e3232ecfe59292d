// A run: what it gives, how it is stopped, and what it never does to its process.

import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { test } from 'node:test'

import { Client, Grant, Plan, PodroleError, Receipt, Run } from 'podrole'
import { Memory, World } from 'podrole/testing'

import { failure, seed, simulated, writes } from './support.mjs'

const kinds = async (run) => {
  const found = []
  for await (const { kind } of run) {
    found.push(kind)
  }
  return found
}

test('a run starts at once, gives its events, and the receipt when it is awaited', async () => {
  const { client, memory } = simulated()
  const run = client.apply(seed)
  const found = await kinds(run)
  assert.equal(found[0], 'started')
  assert.equal(found.at(-1), 'finished')
  const receipt = await run
  assert.ok(receipt instanceof Receipt && receipt.isComplete)
  assert.equal(receipt.verb, 'apply')
  assert.equal(receipt.done.length, 4)
  assert.deepEqual(receipt.unknown, [])
  assert.ok((await client.plan(seed)).isEmpty)
  assert.deepEqual(await kinds(run), found, 'every iteration gives all events')
  assert.equal((await run.nextEvent()).kind, 'started')
  assert.equal(await run.finish(), receipt)
  assert.equal(await client.verify(seed).then((report) => report.throwForFailures().passed), true)
  await client.revoke(seed, { receipt })
  assert.deepEqual(World.comparable(memory.world()), World.comparable(new Memory().world()))
})

test('nextEvent gives each event once, and undefined after the last', async () => {
  const { client } = simulated()
  const run = client.apply(seed)
  const found = []
  for (let event = await run.nextEvent(); event !== undefined; event = await run.nextEvent()) {
    found.push(event.kind)
  }
  assert.deepEqual(found, await kinds(run))
  assert.equal(await run.nextEvent(), undefined)
})

test('a run is a promise to whoever takes one', async () => {
  const { client } = simulated()
  const run = client.apply(seed)
  assert.ok(run instanceof Run)
  assert.equal(Object.prototype.toString.call(run), '[object Run]')
  const [receipt] = await Promise.all([run])
  assert.ok(receipt.isComplete)
  let ended = false
  assert.equal(await run.finally(() => { ended = true }), receipt)
  assert.ok(ended)
  assert.equal(await run.then(({ steps }) => steps.length), 4)
  assert.equal(await run.catch(() => 'not reached'), receipt)
})

test('leaving an iteration does not cancel', async () => {
  const { client } = simulated()
  const run = client.apply(seed)
  for await (const event of run) {
    assert.equal(event.kind, 'started')
    break
  }
  assert.ok((await run).isComplete)
})

test('a plan goes through JSON and back', async () => {
  const { client } = simulated()
  const plan = await client.plan(seed)
  assert.deepEqual(Plan.fromJson(JSON.stringify(plan)), plan)
  assert.ok((await client.apply(JSON.parse(JSON.stringify(plan)))).isComplete)
  const error = await failure('plan_stale', client.apply(plan))
  assert.equal(error.retryable, true)
  assert.deepEqual(error.leftovers, { state: 'none' })
  assert.deepEqual(error.receipt.plan, plan)
})

test('a receipt and a report go through JSON and back', async () => {
  const { client } = simulated()
  const receipt = await client.apply(seed)
  assert.deepEqual(Receipt.fromJson(JSON.stringify(receipt)), receipt)
  assert.deepEqual(Receipt.fromJson(JSON.parse(JSON.stringify(receipt))), receipt)
  const revoke = await client.revoke(seed, { receipt: JSON.parse(JSON.stringify(receipt)) })
  assert.equal(revoke.verb, 'revoke')
  const report = await client.verify(seed)
  assert.equal(report.passed, false)
  assert.deepEqual(report.constructor.fromJson(JSON.stringify(report)), report)
  const error = await failure('verification_failed', () => report.throwForFailures())
  assert.ok(error.stack.includes('run.test.mjs'))
  assert.equal(report.failures[0].kind, 'role')
})

test('plans are printed for people, in the width and colours that are asked for', async () => {
  const { client } = simulated()
  const plan = await client.plan(seed)
  assert.ok(String(plan).includes('create role connections-role-test'))
  assert.equal(plan.render(), `${plan}`)
  assert.ok(plan.render({ width: 60 }).split('\n').every((line) => line.length <= 60))
  assert.ok(plan.render({ color: true }).includes('\u001b['))
  assert.throws(() => plan.render({ width: 7.5 }), PodroleError)
  assert.throws(() => plan.render({ colour: true }), /did you mean `color`/)
})

test('a failure has everything that the core knows, and the receipt beside', async () => {
  const { client, memory } = simulated()
  memory.script({ operation: 'iam:AttachRolePolicy', effect: { type: 'denied' } })
  const error = await failure('permission_denied', client.apply(seed))
  assert.equal(error.code, 'PODROLE_PERMISSION_DENIED')
  assert.equal(error.awsCode, 'AccessDenied')
  assert.equal(error.action, 'iam:AttachRolePolicy')
  assert.equal(error.operation, 'iam:AttachRolePolicy')
  assert.equal(error.resource, 'policy arn:aws:iam::aws:policy/AmazonS3FullAccess on role connections-role-test')
  assert.equal(error.retry, 'never')
  assert.equal(error.retryable, false)
  assert.ok(error.remedy.includes('iam:AttachRolePolicy'))
  assert.equal(error.leftovers.state, 'remaining')
  assert.ok(error.leftovers.resources.includes('create role connections-role-test'))
  assert.equal(error.receipt.steps[1].outcome.kind, 'failed')
  assert.deepEqual(error.receipt.steps[1].outcome.error.awsCode, 'AccessDenied')
  assert.ok(!Object.keys(error).includes('receipt'), 'it would be printed')
})

test('a lost answer leaves it open whether the change was made', async () => {
  const { client, memory } = simulated()
  memory.script({ operation: 'iam:CreateRole', effect: { type: 'lost_answer' } })
  const error = await failure('timeout', client.apply(seed))
  assert.deepEqual(error.leftovers, { state: 'unknown', resources: ['create role connections-role-test'], remaining: [] })
  assert.equal(error.receipt.steps[0].outcome.effectUnknown, true)
  assert.deepEqual(error.receipt.unknown, ['create role connections-role-test'])
})

test('the stack points at the line of the call, also when the failure comes much later', async () => {
  const { client, memory } = simulated()
  memory.script({ operation: 'iam:GetRole', effect: { type: 'server_error' } })
  async function deployEverything() {
    return client.plan(seed)
  }
  const error = await failure('unavailable', deployEverything())
  assert.match(error.stack, /^PodroleError: .*\n    at deployEverything \(.*run\.test\.mjs/)
  function startDeploying() {
    return client.apply(seed)
  }
  const later = await failure('unavailable', startDeploying())
  assert.match(later.stack, /at startDeploying \(.*run\.test\.mjs/)
})

test('an aborted signal lets the step in flight finish, starts no other, and the error has the receipt', async () => {
  const { client, memory } = simulated()
  const controller = new AbortController()
  let own = 0
  controller.signal.onabort = () => { own += 1 }
  memory.setLatency(0.02)
  const why = new Error('enough')
  const run = client.apply(seed, {
    signal: controller.signal,
    onEvent: ({ kind }) => kind === 'step_started' && controller.abort(why),
  })
  const error = await failure('cancelled', run)
  assert.equal(error.cause, why)
  assert.equal(error.retryable, true)
  assert.deepEqual(error.receipt.steps.map(({ outcome }) => outcome.kind), ['done', 'not_started', 'not_started', 'not_started'])
  assert.deepEqual(error.leftovers, { state: 'remaining', resources: ['create role connections-role-test'] })
  assert.deepEqual(writes(memory), ['iam:CreateRole'])
  assert.equal(own, 1, "the caller's own listener")
  assert.equal(getEventListeners(controller.signal, 'abort').length, 1, 'only the caller listens now')
})

test('no listener stays on a signal after a run or a call', async () => {
  const { client, memory } = simulated()
  const { signal } = new AbortController()
  await client.plan(seed, { signal })
  await client.apply(seed, { signal })
  memory.script({ operation: 'iam:GetRole', effect: { type: 'denied' } })
  await failure('permission_denied', client.verify(seed, { signal }))
  await failure('permission_denied', client.revoke(seed, { signal }))
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('aborted from the start, nothing is called', async () => {
  const { client, memory } = simulated()
  const signal = AbortSignal.abort(new Error('before'))
  for (const verb of ['plan', 'apply', 'verify', 'planRevoke', 'revoke']) {
    const error = await failure('cancelled', client[verb](seed, { signal }))
    assert.equal(error.cause.message, 'before')
  }
  assert.deepEqual(memory.calls(), [])
})

test('an abort ends reading, and planning within a run, at once', async () => {
  const { client, memory } = simulated()
  memory.script({ operation: 'iam:GetRole', effect: { type: 'hang_before' } })
  for (const verb of ['plan', 'verify', 'planRevoke', 'apply', 'revoke']) {
    const controller = new AbortController()
    const work = client[verb](seed, { signal: controller.signal })
    controller.abort()
    const error = await failure('cancelled', work)
    assert.equal(error.cause.name, 'AbortError')
    assert.equal(error.leftovers.state, 'none')
  }
  assert.deepEqual(writes(memory), [])
})

test('a second cancel does not wait for the step in flight', async () => {
  const { client, memory } = simulated()
  memory.script({ operation: 'iam:CreateRole', effect: { type: 'hang_after' } })
  const run = client.apply(seed)
  for await (const event of run) {
    if (event.kind === 'step_started') {
      run.cancel()
    }
    if (event.kind === 'cancelling') {
      run.cancel()
    }
  }
  const error = await failure('cancelled', run)
  assert.equal(error.receipt.steps[0].outcome.kind, 'unknown')
  assert.equal(error.leftovers.state, 'unknown')
  run.cancel()
})

test('a run that is cancelled has its receipt, except while a grant is still being planned', async () => {
  const { client, memory } = simulated()
  const plan = await client.plan(seed)
  memory.setLatency(0.05)
  const comparing = client.apply(plan)
  setTimeout(() => comparing.cancel(), 10)
  const compared = await failure('cancelled', comparing)
  assert.ok(compared.receipt.steps.every(({ outcome }) => outcome.kind === 'not_started'))
  assert.deepEqual(compared.leftovers, { state: 'none' })
  const planning = client.apply(seed)
  planning.cancel()
  assert.equal((await failure('cancelled', planning)).receipt, undefined)
  memory.script({ operation: 'iam:CreateRole', effect: { type: 'denied' } })
  const failing = client.apply(seed, { onEvent: ({ kind }) => kind === 'step_started' && failing.cancel() })
  const failed = await failure('permission_denied', failing)
  assert.deepEqual(failed.receipt.steps.map(({ outcome }) => outcome.kind), ['failed', 'not_started', 'not_started', 'not_started'])
  assert.deepEqual(writes(memory), ['iam:CreateRole'])
})

test('a cancel after the end is nothing', async () => {
  const { client } = simulated()
  const run = client.apply(seed)
  await run
  run.cancel()
  assert.ok((await run).isComplete)
})

test('a listener that throws or rejects costs a warning, and neither run nor process', async () => {
  const { client } = simulated()
  const warned = once(process, 'warning')
  let calls = 0
  const receipt = await client.apply(seed, { onEvent: () => { calls += 1; throw new Error('from the listener') } })
  assert.ok(receipt.isComplete && calls > 5)
  const [warning] = await warned
  assert.equal(warning.name, 'PodroleWarning')
  assert.ok(warning.detail.includes('from the listener'))
  const again = once(process, 'warning')
  assert.ok((await client.revoke(seed, { onEvent: async () => { throw new Error('later') } })).isComplete)
  assert.ok((await again)[0].detail.includes('later'))
})

test('a listener that throws what cannot be printed costs nothing either, even where warnings cannot be given', async () => {
  const unprintable = [
    Object.create(null),
    Object.defineProperty(new Error('beneath'), 'stack', { get() { throw new Error('no stack') } }),
    new Proxy(new Error('hidden'), { get() { throw new Error('no') } }),
    undefined,
    Symbol('thrown'),
  ]
  for (const thrown of unprintable) {
    for (const onEvent of [() => { throw thrown }, async () => { throw thrown }, () => ({ get then() { throw thrown } })]) {
      const warned = once(process, 'warning')
      assert.ok((await simulated().client.apply(seed, { onEvent })).isComplete)
      assert.equal((await warned)[0].name, 'PodroleWarning')
    }
  }
  const { emitWarning } = process
  let tried = 0
  process.emitWarning = () => { tried += 1; throw new Error('no warnings here') }
  try {
    assert.ok((await simulated().client.apply(seed, { onEvent() { throw new Error('mine') } })).isComplete)
    assert.ok((await simulated().client.apply(seed, { async onEvent() { throw new Error('mine') } })).isComplete)
  } finally {
    process.emitWarning = emitWarning
  }
  assert.equal(tried, 2)
})

test("a signal of the caller's own making costs no receipt, whatever it throws once the run goes on", async () => {
  const own = (parts) => ({ aborted: false, addEventListener() {}, removeEventListener() {}, ...parts })
  const no = () => { throw new Error('no') }
  for (const [signal, named] of [
    [own({ removeEventListener: undefined }), 'options.signal must be an AbortSignal'],
    [own({ addEventListener: no }), 'options.signal cannot be read'],
  ]) {
    for (const verb of ['plan', 'verify', 'apply', 'revoke']) {
      const { client, memory } = simulated()
      const error = await failure('invalid_input', client[verb](seed, { signal }))
      assert.ok(error.message.includes(named), error.message)
      assert.deepEqual(memory.calls(), [])
    }
  }
  // Good at first, and then not any more.
  let reads = 0
  const fickle = Object.defineProperty(own({ removeEventListener: no }), 'aborted', { get: () => (reads++ > 1 ? no() : false) })
  const { client, memory } = simulated()
  assert.ok((await client.apply(seed, { signal: fickle })).isComplete)
  memory.script({ operation: 'iam:DetachRolePolicy', effect: { type: 'denied' } })
  reads = 0
  const error = await failure('permission_denied', client.revoke(seed, { signal: fickle }))
  assert.ok(error.receipt !== undefined)
  // One that tells twice has asked once: the step in flight finishes.
  let tell
  const twice = own({ aborted: false, addEventListener: (_, listener) => { tell = listener }, reason: 'mine' })
  const slow = simulated()
  slow.memory.setLatency(0.02)
  const run = slow.client.apply(seed, {
    signal: twice,
    onEvent({ kind }) {
      if (kind === 'step_started') {
        twice.aborted = true
        tell()
        tell()
      }
    },
  })
  const stopped = await failure('cancelled', run)
  assert.equal(stopped.cause, 'mine')
  assert.ok(!stopped.receipt.steps.some(({ outcome }) => outcome.kind === 'unknown'))
})

test('one signal for many calls at once has one listener of ours, and ends them all', async () => {
  const warnings = []
  const warned = (warning) => warnings.push(warning.name)
  process.on('warning', warned)
  const controller = new AbortController()
  const hanging = Array.from({ length: 30 }, () => {
    const { client, memory } = simulated()
    memory.script({ operation: 'iam:GetRole', effect: { type: 'hang_before' } })
    return [client.plan(seed, { signal: controller.signal }), client.apply(seed, { signal: controller.signal })]
  }).flat()
  assert.equal(getEventListeners(controller.signal, 'abort').length, 1)
  controller.abort()
  await Promise.all(hanging.map((work) => failure('cancelled', work)))
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  // A warning is given in a turn of its own.
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', warned)
  assert.deepEqual(warnings, [])
})

test("the client's listener hears every run, that of a run its own", async () => {
  const all = []
  const { client } = simulated({ onEvent: ({ kind }) => all.push(kind) })
  const own = []
  await client.apply(seed, { onEvent: ({ kind }) => own.push(kind) })
  assert.deepEqual(all, own)
  await client.revoke(seed)
  assert.ok(all.length > own.length)
})

test('close waits for runs under way', async () => {
  const { client, memory } = simulated()
  memory.setLatency(0.01)
  client.apply(seed)
  await client.close()
  assert.ok((await Client.inMemory(memory).plan(seed)).isEmpty)
})

test('a client closes at the end of an `await using` block', async () => {
  const { client } = simulated()
  await client[Symbol.asyncDispose]()
  await failure('invalid_input', client.plan(seed))
})

test('many runs at once', async () => {
  const clients = Array.from({ length: 50 }, () => simulated().client)
  const receipts = await Promise.all(clients.map((client) => client.apply(seed)))
  assert.ok(receipts.every(({ isComplete }) => isComplete))
})

test('wait covers the rollout', async () => {
  const { client, memory } = simulated()
  memory.edit((world) => {
    for (const cluster of Object.values(world.clusters)) {
      cluster.autoRollout = false
    }
  })
  const run = client.apply(seed, { wait: 60 })
  const reasons = []
  for await (const event of run) {
    if (event.kind === 'waiting') {
      reasons.push(event.reason)
      memory.rollOut()
    }
  }
  assert.ok((await run).isComplete)
  assert.match(reasons[0], /the rollout of deployment/)
})

test('what a program makes of stacks does not cost the receipt', async (t) => {
  const { client, memory } = simulated()
  memory.script({ operation: 'iam:AttachRolePolicy', effect: { type: 'denied' } })
  const { prepareStackTrace } = Error
  t.after(() => { Error.prepareStackTrace = prepareStackTrace })
  for (const own of [() => ({}), () => 5, () => undefined, (_, sites) => sites, () => { throw new Error('mine') }, () => 'as a text\n    at nowhere']) {
    Error.prepareStackTrace = own
    const [applied, planned, made] = await Promise.allSettled([client.apply(seed), client.plan({}), (async () => Grant.from({}))()])
    Error.prepareStackTrace = prepareStackTrace
    assert.equal(applied.reason.kind, 'permission_denied', `${own}`)
    assert.equal(applied.reason.receipt.isComplete, false)
    assert.equal(planned.reason.kind, 'invalid_input', `${own}`)
    assert.equal(made.reason.kind, 'invalid_input', `${own}`)
    await client.revoke(seed)
  }
})
