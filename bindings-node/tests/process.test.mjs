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

test('a plain copy of a plan can be sent to a thread and applied there', async () => {
  const { code, out } = await program(`
    const plan = structuredClone(JSON.parse(JSON.stringify(await client.plan(seed))))
    console.log((await client.apply(plan)).isComplete)
  `)
  assert.deepEqual({ code, out }, { code: 0, out: 'true\n' })
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
