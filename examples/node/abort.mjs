// An AbortSignal stops a run between steps. The error has the receipt: what is done stands, and `apply` goes on from there.

import { Client, PodroleError } from 'podrole'
import { Memory } from 'podrole/testing'

const grant = {
  cluster: 'devops_aurora',
  serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
  role: 'connections-role-test',
  policies: ['AmazonS3FullAccess'],
  deployments: ['connections-app'],
}
const memory = new Memory()
memory.setLatency(0.05)
const client = Client.inMemory(memory)

// Whatever comes first: the deadline, Ctrl-C, or, for the sake of this example, the first finished step.
const controller = new AbortController()
const interrupted = () => controller.abort(new Error('interrupted'))
process.once('SIGINT', interrupted)
const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(60_000)])

try {
  await client.apply(grant, {
    signal,
    onEvent: ({ kind }) => kind === 'step_finished' && controller.abort(new Error('enough for an example')),
  })
} catch (error) {
  if (!(error instanceof PodroleError) || error.kind !== 'cancelled') {
    throw error
  }
  console.log(`stopped: ${error.cause.message}`)
  console.log(String(error.receipt))
  console.log(`left behind: ${error.leftovers.state}`)
} finally {
  process.off('SIGINT', interrupted)
}

const receipt = await client.apply(grant)
console.log(`\ngone on from there:\n${receipt}`)
await client.close()
