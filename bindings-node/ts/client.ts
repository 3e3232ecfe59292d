/// <reference lib="esnext.disposable" preserve="true" />

import { Functions } from './asked.js'
import { at, errorOf, siteOf } from './call.js'
import { PodroleError } from './errors.js'
import { type Connection, type ConnectOptions, connectionOf } from './connection.js'
import type { GrantInput } from './grant-input.js'
import { dataOf, described, grantText, invalid, jsonOf } from './input.js'
import { checkMade, MADE } from './made.js'
import { Memory } from './memory.js'
import { native, type NativeClient, type NativeWork } from './native.js'
import { callable, flag, options, seconds } from './options.js'
import { Plan, type PlanData } from './plan.js'
import { Receipt, type ReceiptData } from './receipt.js'
import { Report, type ReportData } from './report.js'
import { type EventListener, failureOf, Run } from './run.js'
import { type AbortSignalLike, isAborted, listen, reasonOf, signal } from './signal.js'

/** Options of a call that only reads. */
export interface CallOptions {
  /** Ends the call: it then rejects with a {@link PodroleError} of kind `cancelled`, whose `cause` is the signal's reason. */
  readonly signal?: AbortSignalLike | undefined
}

/** Options of {@link Client.apply}. */
export interface ApplyOptions {
  /**
   * Cancels the run, as one {@link Run.cancel} does: the step in flight finishes, no further one starts, and the run rejects, with the receipt once
   * there was a plan to carry out. Already aborted, nothing is called at all.
   */
  readonly signal?: AbortSignalLike | undefined
  /** After the writes, wait at most so many seconds until the rollouts are complete. Default: return when the writes are accepted. */
  readonly wait?: number | undefined
  /** Receives the events of this run. */
  readonly onEvent?: EventListener | undefined
}

/** Options of {@link Client.revoke}. */
export interface RevokeOptions extends ApplyOptions {
  /** The receipt of the apply, which tells what was put where no mark can be (attachments on a role that podrole did not create). */
  readonly receipt?: Receipt | ReceiptData | undefined
  /** Whether the cluster's OIDC provider goes too, if podrole made it and no role's trust names it; default no. */
  readonly removeProvider?: boolean | undefined
}

/** Options of {@link Client.inMemory}. */
export interface InMemoryOptions {
  /**
   * Who runs podrole: marks and trust statements are theirs, and two owners do not touch each other's things. 1–128 letters, digits and any of
   * `_.:/=+-@`; default `podrole`.
   */
  readonly owner?: string | undefined
  /** How many seconds IAM may take until every part of it knows what was just created; default 60. */
  readonly propagation?: number | undefined
  /** Receives the events of every run. */
  readonly onEvent?: EventListener | undefined
}

/** The methods of a client. */
type Method = 'plan' | 'apply' | 'verify' | 'planRevoke' | 'revoke' | 'close'

/**
 * Plans, applies, verifies and revokes grants.
 *
 * A client holds no timer and no socket that keeps the process alive: the process ends by itself when its work is done.
 *
 * ```ts
 * import { Client } from 'podrole'
 * import { Memory } from 'podrole/testing'
 *
 * const client = Client.inMemory(new Memory())
 * const grant = {
 *   cluster: 'devops_aurora',
 *   serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
 *   role: 'connections-role-test',
 *   policies: ['AmazonS3FullAccess'],
 *   deployments: ['connections-app'],
 * }
 * const plan = await client.plan(grant)
 * console.log(String(plan))
 * const receipt = await client.apply(plan)
 * const report = await client.verify(grant)
 * report.throwForFailures()
 * await client.revoke(grant, { receipt })
 * await client.close()
 * ```
 */
export class Client {
  #native: NativeClient | undefined
  readonly #listeners: readonly EventListener[]
  readonly #runs = new Set<Promise<unknown>>()
  readonly #functions: Functions
  /** What is checked at the first call again: what is not set is read then. */
  #checkEnvironment: (() => void) | undefined

  private constructor(
    given: typeof MADE,
    client: NativeClient,
    listener: EventListener | undefined,
    { functions, checkEnvironment }: Partial<Connection> = {},
  ) {
    checkMade(given, Client, 'Client', 'use `await Client.connect()`, or `Client.inMemory()`')
    this.#native = client
    this.#listeners = listener === undefined ? [] : [listener]
    this.#functions = functions ?? new Functions()
    this.#checkEnvironment = checkEnvironment
  }

  /**
   * A client of real services. Without options, the environment says everything: AWS's usual settings, and EKS's endpoint with a token minted
   * in-process, so that no other program is needed.
   *
   * Nothing is called or read yet: credentials are looked up at the first call that needs them.
   *
   * The environment is that of the process. A worker thread has a copy of its own, and so has a test file under jest: where that differs in a
   * variable that is read, this and the first call are refused, rather than go to an account that was not meant. Give the option instead, or start
   * the worker with `env: SHARE_ENV`.
   *
   * ```ts
   * import { Client } from 'podrole'
   *
   * const client = await Client.connect({ region: 'ca-central-1' })
   * await client.close()
   * ```
   *
   * @throws {@link PodroleError} of kind `invalid_input` that names the option, or the variable.
   */
  static async connect(given?: ConnectOptions): Promise<Client> {
    const site = siteOf(Client.connect)
    try {
      const connection = connectionOf(given)
      connection.checkEnvironment()
      const { settings, credentials, accounts, defaults, token } = connection
      const client = await native.Client.connect(settings, credentials, accounts, defaults, token)
      return new Client(MADE, client, connection.onEvent, connection)
    } catch (thrown) {
      throw at(site, errorOf(thrown))
    }
  }

  /**
   * A client of a simulated account and cluster: see `podrole/testing`.
   *
   * @throws {@link PodroleError} of kind `invalid_input` for what is not a {@link Memory}, and for an illegal option.
   */
  static inMemory(memory: Memory, given: InMemoryOptions = {}): Client {
    try {
      const simulated = Memory.native(memory)
      if (simulated === undefined) {
        throw invalid(`memory must be a Memory of podrole/testing, this is ${described(memory)}`)
      }
      const { owner, propagation, onEvent } = options<InMemoryOptions>(given, ['owner', 'propagation', 'onEvent'])
      const settings = jsonOf({ owner, propagation: seconds(propagation, 'options.propagation') }, 'options')
      const client = native.Client.inMemory(simulated, settings)
      return new Client(MADE, client, callable<EventListener>(onEvent, 'options.onEvent'))
    } catch (thrown) {
      throw at(siteOf(Client.inMemory), errorOf(thrown))
    }
  }

  /**
   * What would be done to bring a grant about. Nothing is written.
   *
   * @throws {@link PodroleError} of kind `invalid_input` for a grant that breaks a rule; of any kind for what the reads met, and for what can
   * be known to fail before the first write.
   */
  async plan(grant: GrantInput, options?: CallOptions): Promise<Plan> {
    return Client.#read(this, 'plan', options, (client) => client.plan(grantText(grant)), Plan.of)
  }

  /**
   * Carries out a plan, or plans and carries out a grant in one go. It starts at once.
   *
   * A plan that was made earlier is compared with the world first, and refused as `plan_stale` when it moved.
   *
   * @returns The run: await it for the receipt, iterate over it for the events. It rejects with a {@link PodroleError} that has `leftovers`
   * and, once there was a plan to carry out, `receipt`.
   */
  apply(planOrGrant: Plan | PlanData | GrantInput, options?: ApplyOptions): Run {
    return Client.#run(this, 'apply', options, ['signal', 'wait', 'onEvent'], (client, settings) => {
      const data = dataOf(planOrGrant, 'the plan or grant')
      // What `JSON.parse` made of a saved plan is a plan as well.
      return 'verb' in data && 'steps' in data
        ? client.applyPlan(JSON.stringify(data), settings)
        : client.apply(grantText(data, 'the plan or grant'), settings)
    })
  }

  /**
   * Whether a grant is in force, as far as the configuration tells. Reads only. A failed check is not an error: see
   * {@link Report.throwForFailures}.
   *
   * @throws {@link PodroleError} of kind `invalid_input`, and of any kind for what the reads met.
   */
  async verify(grant: GrantInput, options?: CallOptions): Promise<Report> {
    return Client.#read(this, 'verify', options, (client) => client.verify(grantText(grant)), Report.of)
  }

  /**
   * What `revoke` would do. Nothing is written.
   *
   * @throws {@link PodroleError} as {@link Client.plan}.
   */
  async planRevoke(grant: GrantInput, options?: CallOptions): Promise<Plan> {
    return Client.#read(this, 'planRevoke', options, (client) => client.planRevoke(grantText(grant)), Plan.of)
  }

  /**
   * Takes back what podrole did for a grant: only what carries its marks. It starts at once, as {@link Client.apply}. What is gone already is
   * not an error.
   */
  revoke(grant: GrantInput, options?: RevokeOptions): Run {
    const legal = ['signal', 'wait', 'onEvent', 'receipt', 'removeProvider'] as const
    return Client.#run<RevokeOptions>(this, 'revoke', options, legal, (client, settings, { receipt }) =>
      client.revoke(
        grantText(grant),
        settings,
        receipt === undefined ? undefined : receiptText(receipt, 'options.receipt'),
      ),
    )
  }

  /** Closes the client: runs under way go on to their end, which this waits for, and every further call rejects. Closing again is nothing. */
  async close(): Promise<void> {
    const client = Client.#of(this, 'close')
    client.#native = undefined
    await Promise.allSettled(client.#runs)
  }

  /** Closes the client at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Client.#of(this, 'close').close()
  }

  /** What a method was called on: in JavaScript, that may be anything. */
  static #of(called: unknown, method: Method): Client {
    if (typeof called === 'object' && called !== null && #native in called) {
      return called
    }
    throw at(siteOf(Client.prototype[method]), invalid(`\`${method}\` was called without its client`, `call it as \`client.${method}()\``))
  }

  static async #read<T, U>(
    called: unknown,
    method: Method,
    given: CallOptions | undefined,
    begin: (client: NativeClient) => NativeWork,
    made: (data: T) => U,
  ): Promise<U> {
    const site = siteOf(Client.prototype[method])
    const client = Client.#of(called, method)
    let stop: AbortSignalLike | undefined
    let unlisten: (() => void) | undefined
    try {
      stop = signal(options<CallOptions>(given, ['signal']).signal, 'options.signal')
      throwIfAborted(stop)
      const work = begin(client.#open())
      unlisten = stop && listen(stop, () => work.cancel())
      const answer = await work.answer()
      throwIfAborted(stop, 'the signal was aborted before the answer')
      return made(JSON.parse(answer) as T)
    } catch (thrown) {
      throw at(site, failureOf(thrown, { signal: stop, functions: client.#functions }))
    } finally {
      unlisten?.()
    }
  }

  static #run<O extends RevokeOptions>(
    called: unknown,
    method: Method,
    given: O | undefined,
    legal: readonly (keyof O & string)[],
    begin: (client: NativeClient, settings: string, taken: { readonly receipt?: unknown }) => NativeWork,
  ): Run {
    const client = Client.#of(called, method)
    const run = Run.start({
      site: siteOf(Client.prototype[method]),
      functions: client.#functions,
      begin: (heed) => {
        const taken = options<RevokeOptions>(given, legal as readonly (keyof RevokeOptions)[])
        const stop = signal(taken.signal, 'options.signal')
        const listener = callable<EventListener>(taken.onEvent, 'options.onEvent')
        const settings = jsonOf(
          {
            wait: seconds(taken.wait, 'options.wait'),
            removeProvider: flag(taken.removeProvider, 'options.removeProvider'),
          },
          'options',
        )
        heed(stop)
        throwIfAborted(stop)
        const work = begin(client.#open(), settings, taken)
        return { work, listeners: listener === undefined ? client.#listeners : [...client.#listeners, listener] }
      },
    })
    const ended = run.finish().catch(() => undefined)
    client.#runs.add(ended)
    void ended.then(() => client.#runs.delete(ended))
    return run
  }

  #open(): NativeClient {
    if (this.#native === undefined) {
      throw invalid('the client is closed', 'make another client')
    }
    this.#checkEnvironment?.()
    this.#checkEnvironment = undefined
    return this.#native
  }
}

/** The receipt that a call is given; its errors name the option. */
function receiptText(receipt: unknown, path: string): string {
  try {
    return native.receiptFromJson(jsonOf(receipt, path))
  } catch (thrown) {
    const { message, remedy, cause } = errorOf(thrown)
    throw invalid(message.startsWith(path) ? message : `${path}: ${message}`, remedy, cause)
  }
}

function throwIfAborted(stop: AbortSignalLike | undefined, message = 'the signal was aborted before the call'): void {
  if (isAborted(stop)) {
    throw new PodroleError({ kind: 'cancelled', message, retry: 'safe' }, { cause: reasonOf(stop) })
  }
}
