// What a process that uses podrole does: it ends by itself, survives what nobody handles, and works in threads.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

const prelude = `
  import { Client } from 'podrole'
  import { Memory } from 'podrole/testing'
  const seed = {
    cluster: 'devops_aurora', serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3', role: 'connections-role-test',
    policies: ['AmazonS3FullAccess'], deployments: ['connections-app'],
  }
  const memory = new Memory()
  const client = Client.inMemory(memory)
`

/** Runs a program in a process of its own, as ESM; gives its exit code or signal and what it printed. */
async function program(text, { steer = () => {}, flags = [] } = {}) {
  const child = spawn(process.execPath, [...flags, '--input-type=module', '--eval', prelude + text], {
    cwd: new URL('.', import.meta.url),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    out += chunk
    steer(child, out)
  })
  child.stderr.setEncoding('utf8').on('data', (chunk) => { err += chunk })
  const [code, signal] = await once(child, 'close')
  return { code, signal, out, err }
}

test('a process ends by itself, also with an open client', async () => {
  const { code, out, err } = await program(`
    await client.plan(seed)
    await client.apply(seed)
    console.log('done')
  `)
  assert.deepEqual({ code, out, err }, { code: 0, out: 'done\n', err: '' })
})

test('a process waits for a run that nobody awaits', async () => {
  const { code, out } = await program(`
    memory.setLatency(0.02)
    client.apply(seed, { onEvent: ({ kind }) => kind === 'finished' && console.log(kind) })
  `)
  assert.deepEqual({ code, out }, { code: 0, out: 'finished\n' })
})

test('a run that fails and that nobody awaits is no unhandled rejection', async () => {
  const { code, out, err } = await program(
    `
    memory.script({ operation: 'iam:CreateRole', effect: { type: 'denied' } })
    client.apply(seed)
    client.apply({})
    for await (const { kind } of client.apply(seed)) console.log(kind)
  `,
    { flags: ['--unhandled-rejections=strict'] },
  )
  assert.deepEqual({ code, out, err }, { code: 0, out: 'started\nstep_started\nstep_finished\nfinished\n', err: '' })
})

test('the receipt may be asked for before the events are read, and awaited after the run has failed', async () => {
  const { code, out, err } = await program(`
    memory.script({ operation: 'iam:CreateRole', effect: { type: 'denied' } })
    const run = client.apply(seed)
    const receipt = run.finish()
    for await (const { kind } of run) await new Promise((resolve) => setTimeout(resolve, 20))
    await receipt.catch(({ kind }) => console.log(kind))
  `)
  assert.deepEqual({ code, out, err }, { code: 0, out: 'permission_denied\n', err: '' })
})

test('a run that fails and is awaited by nobody but its own chain is reported as every promise is', async () => {
  const { code, err } = await program(`client.apply({}).then(() => {})`)
  assert.equal(code, 1)
  assert.match(err, /PodroleError: .*cluster/)
  assert.match(err, /kind: 'invalid_input'/)
})

test('a listener that throws does not end the process', async () => {
  const { code, out, err } = await program(`
    const receipt = await client.apply(seed, { onEvent: () => { throw new Error('mine') } })
    console.log(receipt.isComplete)
  `)
  assert.deepEqual({ code, out }, { code: 0, out: 'true\n' })
  assert.equal(err.match(/PodroleWarning/g).length, 1, err)
})

test('a stop that no call comes to does not keep the process alive, and one that a call comes to is told', async () => {
  const { code, out, err } = await program(`
    memory.setLatency(0.01)
    const never = memory.stopBeforeCall(5000)
    never.reached().then(() => console.log('never'))
    const stop = memory.stopAfterCall(1, 'writes')
    const run = client.apply(seed)
    await stop.reached()
    run.cancel()
    run.cancel()
    await run.catch(({ kind }) => console.log(kind))
    await stop.reached()
    memory.restart()
    console.log(await Promise.race([client.apply(seed).then(() => 'the run'), never.reached().then(() => 'never')]))
    // It would hang for ever.
    setTimeout(() => process.exit(9), 5000).unref()
  `)
  assert.deepEqual({ code, out, err }, { code: 0, out: 'cancelled\nthe run\n', err: '' })
})

test('process.exit in the middle of a run ends the process at once', async () => {
  const { code, signal, err } = await program(`
    memory.setLatency(30)
    client.apply(seed)
    setImmediate(() => process.exit(7))
  `)
  assert.deepEqual({ code, signal, err }, { code: 7, signal: null, err: '' })
})

test('Ctrl-C ends a run between steps when it is made to abort', async () => {
  const { code, out } = await program(
    `
    memory.script({ operation: 'iam:AttachRolePolicy', effect: { type: 'hang_before' } })
    memory.script({ operation: 'iam:AttachRolePolicy', effect: { type: 'hang_before' } })
    const run = client.apply(seed)
    process.on('SIGINT', () => run.cancel())
    for await (const event of run) {
      console.log(event.kind, event.step ?? '')
    }
    await run.catch((error) => console.log(error.kind, error.receipt.steps.map(({ outcome }) => outcome.kind).join()))
  `,
    {
      steer(child, out) {
        // The role is made, the attachment hangs: the first stops gently, the second does not wait for what hangs.
        const asked = out.includes('cancelling') ? 2 : out.includes('step_finished 3') ? 1 : 0
        while ((child.asked ??= 0) < asked) {
          child.asked += 1
          child.kill('SIGINT')
        }
      },
    },
  )
  assert.equal(code, 0)
  assert.match(out, /cancelled done,unknown,done,not_started\n$/)
})

test('Ctrl-C without a handler ends the process as every process', async () => {
  const { signal } = await program(
    `
    memory.setLatency(30)
    client.apply(seed)
    console.log('started')
  `,
    { steer: (child) => child.kill('SIGINT') },
  )
  assert.equal(signal, 'SIGINT')
})

test('worker threads work, at the same time, and one that ends takes nothing with it', async () => {
  const { code, out, err } = await program(`
    import { Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    const text = \`
      const { parentPort } = require('node:worker_threads')
      import('podrole').then(async ({ Client }) => {
        const { Memory } = await import('podrole/testing')
        const receipt = await Client.inMemory(new Memory()).apply(JSON.parse('\${JSON.stringify(seed)}'))
        parentPort.postMessage(JSON.parse(JSON.stringify(receipt)).steps.length)
      })\`
    memory.setLatency(0.02)
    const mine = client.apply(seed)
    const counts = await Promise.all([1, 2, 3, 4].map(async () => {
      const worker = new Worker(text, { eval: true, execArgv: [] })
      // Both from the start: the last messages of a worker may come together with its end.
      const [[count]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
      return count
    }))
    console.log(counts.join(), (await mine).isComplete)
    console.log((await client.plan(seed)).isEmpty)
  `)
  assert.deepEqual({ code, out, err }, { code: 0, out: '4,4,4,4 true\ntrue\n', err: '' })
})

test('a worker that is ended in the middle of a run does not hurt the process', async () => {
  const text = `
    import('podrole').then(async ({ Client }) => {
      const { Memory } = await import('podrole/testing')
      const memory = new Memory()
      memory.setLatency(0.05)
      const run = Client.inMemory(memory).apply(${JSON.stringify({ cluster: 'devops_aurora', serviceAccount: 'devops-aurora-1/app', role: 'app' })})
      for await (const event of run) require('node:worker_threads').parentPort.postMessage(event.kind)
    })`
  for (let round = 0; round < 5; round += 1) {
    const worker = new Worker(text, { eval: true })
    await once(worker, 'message')
    await worker.terminate()
  }
})

test('a worker whose environment is not that of the process gets no client of another account', async () => {
  const { code, out, err } = await program(`
    import { SHARE_ENV, Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    const text = \`
      const { parentPort, workerData } = require('node:worker_threads')
      import('podrole').then(async ({ Client }) => {
        const { Memory } = await import('podrole/testing')
        Object.assign(process.env, workerData.before)
        const said = await Client.connect(workerData.options).then(async (client) => {
          Object.assign(process.env, workerData.after)
          // What is wrong with the grant is found after what is wrong with the environment.
          return client.plan({}).catch((error) => error.message.includes('cluster') ? 'taken' : error.kind + ' ' + error.message + ' | ' + error.remedy)
        }, (error) => error.kind + ' ' + error.message + ' | ' + error.remedy)
        await Client.inMemory(new Memory()).plan(workerData.seed)
        parentPort.postMessage(said)
      })\`
    process.env.AWS_PROFILE = 'mine'
    process.env.KUBECONFIG = '/mine'
    for (const [env, data] of [
      [undefined, {}],
      [{ ...process.env, AWS_PROFILE: 'hunter2' }, {}],
      [{ ...process.env, AWS_PROFILE: undefined, MINE: '1' }, {}],
      [undefined, { before: { AWS_ENDPOINT_URL_IAM: 'http://hunter2' } }],
      [undefined, { after: { AWS_ACCESS_KEY_ID: 'hunter2' } }],
      [undefined, { before: { AWS_PROFILE: 'b', AWS_REGION: 'c', AWS_ENDPOINT_URL: 'd', AWS_SESSION_TOKEN: 'e', KUBECONFIG: 'f', OTHER: 'g' }, options: {
        profile: 'a', region: 'ca-central-1', endpointUrl: 'http://127.0.0.1:9', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, kubeconfig: '/mine' } }],
      [undefined, { before: { KUBECONFIG: 'hunter2' }, options: { kubeconfig: true } }],
      [SHARE_ENV, { before: { AWS_PROFILE: 'shared' } }],
    ]) {
      const worker = new Worker(text, { eval: true, execArgv: [], env, workerData: { seed, ...data } })
      const [[said]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
      console.log(said)
    }
    process.env.AWS_PROFILE = 'set by the main thread'
    await Client.connect()
  `)
  const refused = (name, option) =>
    `invalid_input ${name} of this thread's process.env is not that of the process, which would be used | ${option}` +
    'set it where the process starts, or start the worker with `env: SHARE_ENV` of node:worker_threads'
  assert.deepEqual({ code, err }, { code: 0, err: '' })
  assert.deepEqual(out.trim().split('\n'), [
    'taken',
    refused('AWS_PROFILE', 'give the option `profile`, '),
    refused('AWS_PROFILE', 'give the option `profile`, '),
    refused('AWS_ENDPOINT_URL_IAM', ''),
    refused('AWS_ACCESS_KEY_ID', 'give the option `credentials`, '),
    'taken',
    refused('KUBECONFIG', ''),
    'taken',
  ])
})

test('a plain copy of a plan can be sent to a thread and applied there', async () => {
  const { code, out } = await program(`
    const plan = structuredClone(JSON.parse(JSON.stringify(await client.plan(seed))))
    console.log((await client.apply(plan)).isComplete)
  `)
  assert.deepEqual({ code, out }, { code: 0, out: 'true\n' })
})

test('a credentials function whose promise nothing can fulfil any more is named at once', async () => {
  const { out, err } = await program(
    `
    const credentials = () => {
      setImmediate(() => { gc(); setImmediate(gc) })
      return new Promise(() => {})
    }
    const real = await Client.connect({ region: 'ca-central-1', endpointUrl: 'http://127.0.0.1:9', credentials })
    await real.plan({ ...seed, scope: 'iam', deployments: [] }).catch((error) => console.log(error.kind, error.message))
  `,
    { flags: ['--expose-gc'] },
  )
  assert.match(out, /^credentials .*the function \`credentials\` gave a promise that nothing can fulfil/, err)
})

test('memory does not grow with the number of plans', async () => {
  const { out, err } = await program(
    `
    const round = async (count) => {
      for (let index = 0; index < count; index += 1) await client.plan(seed)
      memory.clearCalls()
      gc()
      // What is let go of on the native side is let go of in a turn of its own.
      await new Promise((resolve) => setImmediate(resolve))
      gc()
      return process.memoryUsage().rss / 1024 / 1024
    }
    await round(400)
    const before = await round(100)
    const after = await round(800)
    console.log(JSON.stringify({ before, after }))
  `,
    { flags: ['--expose-gc'] },
  )
  const { before, after } = JSON.parse(out || `{"err": ${JSON.stringify(err)}}`)
  // 800 plans of 20 kB would be 16 MB if they were kept.
  assert.ok(after - before < 8, `${before} MB became ${after} MB`)
})
