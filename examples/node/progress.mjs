// A progress display: a bar on a terminal, a line a step elsewhere.

import { Client } from 'podrole'
import { Memory } from 'podrole/testing'

const memory = new Memory()
memory.setLatency(0.05) // so that there is something to see
const client = Client.inMemory(memory)

/** Shows the events of a run, and gives its receipt. */
async function shown(run, out = process.stderr) {
  let steps = 0
  let done = 0
  for await (const event of run) {
    switch (event.kind) {
      case 'started':
        steps = event.steps
        break
      case 'step_started':
        write(out, steps, done, event.summary)
        break
      case 'waiting':
        write(out, steps, done, `waiting for ${event.reason}`)
        break
      case 'step_finished':
        done += 1
        write(out, steps, done, `${event.outcome.kind} after ${event.durationMs} ms`)
        break
      default: // later versions add kinds
        break
    }
  }
  out.write('\n')
  return run // the receipt, or the failure
}

function write(out, steps, done, text) {
  if (out.isTTY) {
    const bar = '█'.repeat(done).padEnd(steps, '░')
    out.write(`\r\u001b[2K${bar} ${text.slice(0, out.columns - steps - 2)}`)
  } else {
    out.write(`${done}/${steps} ${text}\n`)
  }
}

const receipt = await shown(
  client.apply({
    cluster: 'devops_aurora',
    serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
    role: 'connections-role-test',
    policies: ['AmazonS3FullAccess', { name: 'uploads', s3: { buckets: ['my-uploads'], access: 'write' } }],
    deployments: ['connections-app'],
  }),
)
console.log(`${receipt.done.length} steps, ${receipt.calls} calls, ${receipt.depth} of them one after the other`)
await client.close()
