import type { Receipt } from './receipt.js'

/**
 * What kind of failure it was. The words are stable; later versions add kinds: keep a default branch.
 *
 * | kind | meaning |
 * |---|---|
 * | `invalid_input` | a grant, document, file or argument breaks a rule; nothing was called or written |
 * | `config_invalid` | the client is set up in a way that cannot work (kubeconfig, profile, endpoint, wrong cluster) |
 * | `credentials` | no usable AWS or Kubernetes credentials |
 * | `permission_denied` | the call was denied; `action` names the missing permission |
 * | `not_found` | a thing that must exist does not |
 * | `already_exists` | a thing exists and is not ours to change |
 * | `conflict` | somebody else owns what would be written; `conflicts` names them |
 * | `limit_exceeded` | a quota of AWS would be, or was, exceeded |
 * | `throttled` | the service asked to slow down and the retries are spent |
 * | `timeout` | no answer in time |
 * | `unavailable` | the service failed or cannot be reached |
 * | `cancelled` | the run or call was cancelled |
 * | `plan_stale` | what the plan was made from has changed since |
 * | `verification_failed` | `verify` found failed checks |
 * | `unsupported` | podrole cannot do this (yet) |
 * | `unexpected` | an answer that nobody expected |
 */
export type ErrorKind =
  | 'invalid_input'
  | 'config_invalid'
  | 'credentials'
  | 'permission_denied'
  | 'not_found'
  | 'already_exists'
  | 'conflict'
  | 'limit_exceeded'
  | 'throttled'
  | 'timeout'
  | 'unavailable'
  | 'cancelled'
  | 'plan_stale'
  | 'verification_failed'
  | 'unsupported'
  | 'unexpected'

/**
 * Whether calling again can help: `never`, `safe` (it may succeed and does no harm), or `exhausted` (it was retried until the budget for
 * retries was spent: later, perhaps).
 */
export type Retry = 'never' | 'safe' | 'exhausted'

/**
 * What a failed or cancelled run left behind: `none` when nothing was changed; `remaining` for changes that stand (`apply` continues from
 * there, `revoke` takes them back); `unknown` when the answer to a change was lost: `resources` may or may not have been made (`plan` tells),
 * `remaining` stand for certain.
 */
export type Leftovers =
  | { readonly state: 'none' }
  | { readonly state: 'remaining'; readonly resources: readonly string[] }
  | { readonly state: 'unknown'; readonly resources: readonly string[]; readonly remaining: readonly string[] }

/** A field that another field manager owns. */
export interface FieldConflict {
  /** The field manager that owns it (`argocd-controller`). */
  readonly manager: string
  /** The field's path. */
  readonly field: string
}

/** A failure as plain data: what a {@link PodroleError} is made from, and what receipts hold. */
export interface ErrorPayload {
  /** What kind of failure it was. */
  readonly kind: ErrorKind
  /** What happened, in words. */
  readonly message: string
  /** The remote call (`iam:CreateRole`). */
  readonly operation?: string
  /** The thing it was about (`role connections-role-test`). */
  readonly resource?: string
  /** The service's own code (`AccessDenied`). */
  readonly awsCode?: string
  /** The IAM action or Kubernetes verb that is missing, on a denial. */
  readonly action?: string
  /** What to do about it. */
  readonly remedy?: string
  /** Whether calling again can help; default `never`. */
  readonly retry?: Retry
  /** The fields that others own, on a conflict; default none. */
  readonly conflicts?: readonly FieldConflict[]
  /** What is left behind; default nothing. */
  readonly leftovers?: Leftovers
}

/** A {@link PodroleError} as plain data: what `JSON.stringify` writes of it. */
export interface ErrorData extends ErrorPayload {
  /** `PodroleError`. */
  readonly name: string
  /** The kind as Node writes its codes. */
  readonly code: string
  /** Whether calling again can help. */
  readonly retryable: boolean
  /** The receipt of the run that failed. */
  readonly receipt?: Receipt | undefined
}

/**
 * A failure of podrole: the only error that the package's functions throw and reject with, besides what functions of yours throw in
 * `Memory.edit`. A method that is called without its object gives a `TypeError`, as everywhere, unless it is a client's.
 *
 * `message` is the words alone; `String(error)`, and what is printed of an error, name the thing that it was about as well. Where a program may hold
 * two copies of the package, `error.name` and `error.code` tell what `instanceof` cannot.
 *
 * ```ts
 * import { Client, PodroleError } from 'podrole'
 * import { Memory } from 'podrole/testing'
 *
 * const client = Client.inMemory(new Memory())
 * try {
 *   await client.plan({ cluster: 'no-such-cluster', serviceAccount: 'default/app', role: 'app' })
 * } catch (error) {
 *   if (!(error instanceof PodroleError)) throw error
 *   switch (error.kind) {
 *     case 'not_found':
 *       console.log(error.resource, error.remedy)
 *       break
 *     default: // later versions add kinds
 *       throw error
 *   }
 * }
 * ```
 */
export class PodroleError extends Error {
  declare readonly name: 'PodroleError'
  /** What kind of failure it was, a stable word (`permission_denied`). */
  readonly kind: ErrorKind
  /** The same as Node writes its codes (`PODROLE_PERMISSION_DENIED`). */
  readonly code: string
  /** The remote call that failed (`iam:CreateRole`). */
  declare readonly operation: string | undefined
  /** The thing it was about (`role connections-role-test`). */
  declare readonly resource: string | undefined
  /** The service's own code (`AccessDenied`). */
  declare readonly awsCode: string | undefined
  /** The IAM action or Kubernetes verb that is missing, on a denial. */
  declare readonly action: string | undefined
  /** What to do about it. */
  declare readonly remedy: string | undefined
  /** Whether calling again can help, exactly. */
  readonly retry: Retry
  /** Whether calling again can help: `retry` is not `never`. */
  readonly retryable: boolean
  /** The fields that others own, on a conflict. */
  readonly conflicts: readonly FieldConflict[]
  /** What a failed or cancelled run left behind. */
  readonly leftovers: Leftovers
  /**
   * The receipt of the run that failed; absent when it ended before there was a plan to carry out. It is not among the properties that are printed,
   * since it is long.
   */
  declare readonly receipt: Receipt | undefined

  /**
   * @param payload - What it says. Your own tests may make errors, too.
   * @param options - `cause`: the error underneath; `receipt`: that of the run that failed.
   */
  constructor(payload: ErrorPayload, options: { readonly cause?: unknown; readonly receipt?: Receipt | undefined } = {}) {
    super(payload.message, options.cause === undefined ? {} : { cause: options.cause })
    this.kind = payload.kind
    this.code = `PODROLE_${payload.kind.toUpperCase()}`
    // What is absent is not set at all, so that it is not printed either.
    for (const key of ['operation', 'resource', 'awsCode', 'action', 'remedy'] as const) {
      if (payload[key] !== undefined) {
        Object.assign(this, { [key]: payload[key] })
      }
    }
    this.retry = payload.retry ?? 'never'
    this.retryable = this.retry !== 'never'
    this.conflicts = payload.conflicts ?? []
    this.leftovers = payload.leftovers ?? { state: 'none' }
    Object.defineProperty(this, 'receipt', { value: options.receipt, enumerable: false })
  }

  /** `PodroleError: role connections-role-test: access denied`: the thing that it was about, and the message. */
  override toString(): string {
    return `${this.name}: ${this.resource === undefined ? '' : `${this.resource}: `}${this.message}`
  }

  /** Everything that it says, with the message and the receipt. The cause may be anything, and is left out. */
  toJSON(): ErrorData {
    // What is absent is not set.
    return Object.assign({ name: this.name, message: this.message }, this, { receipt: this.receipt }) as ErrorData
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'PodroleError', configurable: true, writable: true })
  }
}
