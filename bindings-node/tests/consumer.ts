// Compiled, not run: what a strict TypeScript user of the installed package writes, and what the compiler must refuse.

import {
  type Action,
  Client,
  type ErrorKind,
  type Event,
  Grant,
  type GrantInput,
  type Leftovers,
  type NewPolicyDocument,
  type Outcome,
  Plan,
  PodroleError,
  Receipt,
  Report,
  Run,
  type Step,
  trustDocument,
  version,
} from 'podrole'
import { type CallRecord, type Fault, Memory, Stop, World } from 'podrole/testing'

const document: NewPolicyDocument = trustDocument('arn', 'namespace/name')
export const effects: readonly ('Allow' | 'Deny')[] = document.Statement.map((statement) => statement.Effect)
export const described: string = version.toUpperCase()

const grant: GrantInput = {
  cluster: { name: 'devops_aurora', region: undefined },
  serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
  role: { name: 'connections-role-test', tags: { team: 'data' } },
  policies: ['AmazonS3FullAccess', { customer: 'ours' }, { name: 'uploads', s3: { buckets: ['b'], access: 'write' } }, { arn: 'arn' }],
  deployments: ['connections-app', { name: 'other', restart: false }],
  kustomizations: [{ path: 'kustomization.yaml', deployment: 'app' }],
  trust: { conditions: { StringEquals: { 'aws:SourceAccount': '204393242335' } } },
}
const long: Grant = Grant.from(grant)
export const again: GrantInput = long

export async function whole(client: Client): Promise<string> {
  const plan: Plan = await client.plan(grant, { signal: new AbortController().signal })
  const saved: Plan = Plan.fromJson(JSON.stringify(plan))
  const run: Run = client.apply(saved, { wait: 60, onEvent: (event) => void progress(event) })
  for await (const event of run) {
    progress(event)
  }
  const receipt: Receipt = await run
  const asPromise: Promise<Receipt> = client.apply(long)
  const report: Report = await client.verify(grant)
  report.throwForFailures()
  await client.revoke(grant, { receipt, removeProvider: false })
  await client.close()
  return String((await asPromise).plan.steps.map(what))
}

declare class AbortController {
  readonly signal: {
    readonly aborted: boolean
    addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
    removeEventListener(type: 'abort', listener: () => void): void
  }
}

/** A switch over `kind` narrows, and without a default branch the compiler names what is missing. */
export function progress(event: Event): string {
  switch (event.kind) {
    case 'started':
      return `${event.steps} steps`
    case 'step_started':
      return event.summary
    case 'waiting':
      return event.reason
    case 'step_finished':
      return ended(event.outcome)
    case 'cancelling':
      return 'cancelling'
    case 'finished':
      return event.complete ? 'complete' : `${event.done} done`
  }
}

function ended(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'done':
    case 'already_done':
    case 'not_started':
    case 'unknown':
      return outcome.kind
    case 'failed':
      return `${outcome.error.message}${outcome.effectUnknown ? ' (perhaps done)' : ''}`
  }
}

function what({ action, changes }: Step): string {
  if (action.kind === 'attach_policy') {
    return action.policy
  }
  if (action.kind === 'apply_service_account') {
    return action.apply.annotations['eks.amazonaws.com/role-arn'] ?? ''
  }
  return changes.map(({ field, before, after }) => `${field}: ${before ?? 'absent'} → ${after ?? 'absent'}`).join()
}

export function explain(error: unknown): string {
  if (!(error instanceof PodroleError)) {
    return 'unknown'
  }
  const kind: ErrorKind = error.kind
  const left: Leftovers = error.leftovers
  const things = left.state === 'none' ? [] : left.resources
  return `${kind} ${error.code} ${error.remedy ?? ''} ${things.join()} ${error.receipt?.isComplete}`
}

export function tested(): readonly CallRecord[] {
  const memory = new Memory(World.seed())
  const fault: Fault = { operation: 'iam:CreateRole', nth: 1, effect: { type: 'error', error: 'conflict', code: 'X', message: 'x' } }
  memory.script(fault)
  memory.edit((world) => {
    world.files = { 'kustomization.yaml': '' }
  })
  Client.inMemory(memory, { owner: 'platform' })
  return memory.calls()
}

export type Pushed = Extract<Action, { kind: 'create_role' }>['role']['trust']

export const fromUrl = (url: { readonly href: string }) => [Grant.fromFile(url), Client.connect({ endpointUrl: url })]

// @ts-expect-error an argument is missing
trustDocument('arn')
// @ts-expect-error not a string
trustDocument('arn', 7)
// @ts-expect-error read-only
document.Version = '2008-10-17'
// @ts-expect-error a property that does not exist
Grant.from({ ...grant, cluster: 'c', serviceAcount: 'a/b' })
// @ts-expect-error a value that does not exist
Grant.from({ cluster: 'c', serviceAccount: 'a/b', role: 'r', scope: 'everything' })
// @ts-expect-error a policy of nothing
Grant.from({ cluster: 'c', serviceAccount: 'a/b', role: 'r', policies: [{}] })
// @ts-expect-error read-only
long.policies.push(long.policies[0])
// @ts-expect-error a plan is made by a client
new Plan()
// @ts-expect-error a client is made by `connect` or `inMemory`
new Client()
// @ts-expect-error a run is made by a client
new Run()
// @ts-expect-error a receipt is made by a run
new Receipt()
// @ts-expect-error a report is made by a client
new Report()
// @ts-expect-error a stop is made by a memory
new Stop()
// @ts-expect-error a kind that does not exist
export const wrong: ErrorKind = 'denied'
// @ts-expect-error an option that does not exist
export const waited = (client: Client) => client.apply(grant, { timeout: 5 })
