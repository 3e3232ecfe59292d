// Applies the grants of a file to real clusters:
//
//   node deploy.mts grant.yaml [--yes] [--kubeconfig FILE] [--region REGION] [--endpoint-url URL] [--simulated]
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing was done because nobody agreed.

import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'

import { Client, type ConnectOptions, type Event, Grant, PodroleError } from 'podrole'
import { Memory } from 'podrole/testing'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    yes: { type: 'boolean', default: false },
    kubeconfig: { type: 'string' },
    region: { type: 'string' },
    'endpoint-url': { type: 'string' },
    simulated: { type: 'boolean', default: false },
  },
})
const [file] = positionals
if (file === undefined) {
  console.error('usage: deploy.mts grant.yaml [--yes] [--kubeconfig FILE] [--region REGION] [--endpoint-url URL] [--simulated]')
  process.exit(2)
}

const options: ConnectOptions = { region: values.region, endpointUrl: values['endpoint-url'], kubeconfig: values.kubeconfig }

async function agreed(question: string): Promise<boolean> {
  if (values.yes) {
    return true
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    // Where nobody can answer, the input ends, and nobody agrees.
    const nobody = once(terminal, 'close').then(() => '')
    return /^y(es)?$/i.test(await Promise.race([terminal.question(`${question} [y/N] `), nobody]))
  } finally {
    terminal.close()
  }
}

function line(event: Event): string | undefined {
  switch (event.kind) {
    case 'step_started':
      return `  … ${event.summary}`
    case 'step_finished':
      return event.outcome.kind === 'failed' ? `  ✗ ${event.outcome.error.message}` : undefined
    case 'waiting':
      return `  … waiting for ${event.reason}`
    default: // later versions add kinds
      return undefined
  }
}

async function deploy(client: Client, grant: Grant): Promise<number> {
  const plan = await client.plan(grant)
  console.log(plan.render({ color: process.stdout.isTTY && !process.env['NO_COLOR'], width: process.stdout.columns || 100 }))
  if (!plan.isEmpty) {
    if (!(await agreed('Apply this plan?'))) {
      return 3
    }
    const run = client.apply(plan, { wait: 300 })
    const stop = () => run.cancel() // the step in flight finishes; a second Ctrl-C does not wait for it
    process.on('SIGINT', stop)
    try {
      for await (const event of run) {
        const text = line(event)
        if (text !== undefined) {
          console.log(text)
        }
      }
      console.log(String(await run))
    } finally {
      process.off('SIGINT', stop)
    }
  }
  const report = await client.verify(grant)
  console.log(String(report))
  return report.passed ? 0 : 1
}

function explain(error: PodroleError): void {
  const about = error.resource === undefined ? '' : `${error.resource}: `
  console.error(`${error.kind}: ${about}${error.message}`)
  if (error.action !== undefined) {
    console.error(`  missing permission: ${error.action}`)
  }
  if (error.remedy !== undefined) {
    console.error(`  remedy: ${error.remedy}`)
  }
  if (error.leftovers.state !== 'none') {
    console.error(`  left behind: ${error.leftovers.resources.join(', ')}`)
  }
}

async function main(path: string): Promise<number> {
  const grants = await Grant.fromFile(path)
  const client = values.simulated ? Client.inMemory(new Memory()) : await Client.connect(options)
  try {
    for (const grant of grants) {
      const code = await deploy(client, grant)
      if (code !== 0) {
        return code
      }
    }
    return 0
  } finally {
    await client.close()
  }
}

try {
  process.exitCode = await main(file)
} catch (error) {
  if (!(error instanceof PodroleError)) {
    throw error
  }
  explain(error)
  process.exitCode = 1
}
