import { call, frozen } from './call.js'
import type { ErrorPayload } from './errors.js'
import { DERIVED, textOf } from './input.js'
import { checkMade, MADE } from './made.js'
import { native } from './native.js'
import { Plan, type PlanData, type Verb } from './plan.js'

/** What became of a step. Later versions add kinds: keep a default branch. */
export type Outcome = DoneOutcome | AlreadyDoneOutcome | FailedOutcome | NotStartedOutcome | UnknownOutcome

/** The change was made. */
export interface DoneOutcome {
  readonly kind: 'done'
}

/** The change turned out to be there already: made by an earlier attempt whose answer was lost. */
export interface AlreadyDoneOutcome {
  readonly kind: 'already_done'
}

/** It failed. */
export interface FailedOutcome {
  readonly kind: 'failed'
  /** Why. */
  readonly error: ErrorPayload
  /** Whether the answer was lost, so that the change may have been made all the same. */
  readonly effectUnknown: boolean
}

/** It was not started: an earlier step failed, or the run was cancelled. */
export interface NotStartedOutcome {
  readonly kind: 'not_started'
}

/** It was under way when the run was abandoned: whether it took effect is not known. */
export interface UnknownOutcome {
  readonly kind: 'unknown'
}

/** A remote call. */
export interface Call {
  /** `iam:CreateRole`, `kubernetes:patch serviceaccounts`. */
  readonly operation: string
  /** Its place in the longest chain of calls that waited for one another, from 1. */
  readonly depth: number
}

/** One step of a {@link Receipt}. */
export interface StepReceipt {
  /** The step's id in the plan. */
  readonly step: number
  /** What it changes, in words. */
  readonly summary: string
  /** What became of it. */
  readonly outcome: Outcome
  /** How long it took, in milliseconds. */
  readonly durationMs: number
  /** The remote calls it made. */
  readonly calls: readonly Call[]
}

/** The JSON form of a {@link Receipt}. */
export interface ReceiptData {
  readonly schemaVersion: 1
  readonly plan: PlanData
  readonly steps: readonly StepReceipt[]
  readonly durationMs: number
  readonly depth: number
  readonly calls: number
}

/**
 * What a run did: every step's outcome, duration and calls. It holds its plan, so that `revoke` can tell what was put where.
 *
 * `JSON.stringify` writes it, {@link Receipt.fromJson} reads it back, and `String(receipt)` is for people.
 */
export class Receipt implements ReceiptData {
  /** Version of this format. */
  readonly schemaVersion: 1
  /** The plan that was carried out. */
  readonly plan: Plan
  /** Its steps, in the plan's order. */
  readonly steps: readonly StepReceipt[]
  /** How long the whole run took, in milliseconds. */
  readonly durationMs: number
  /** The longest chain of calls that waited for one another. */
  readonly depth: number
  /** How many remote calls were made. */
  readonly calls: number

  private constructor(given: typeof MADE, data: ReceiptData) {
    checkMade(given, Receipt, 'Receipt', 'await a run, or use `Receipt.fromJson()`')
    this.schemaVersion = data.schemaVersion
    this.plan = Plan.of(data.plan)
    this.steps = frozen(data.steps)
    this.durationMs = data.durationMs
    this.depth = data.depth
    this.calls = data.calls
    Object.freeze(this)
  }

  /** @internal */
  static of(data: ReceiptData): Receipt {
    return data instanceof Receipt ? data : new Receipt(MADE, data)
  }

  /**
   * Reads a receipt that `JSON.stringify` wrote.
   *
   * @param json - The text, or what `JSON.parse` made of it.
   * @throws {@link PodroleError} of kind `invalid_input` when it is not a receipt, has unknown fields, or is of another schema version.
   */
  static fromJson(json: string | ReceiptData): Receipt {
    return call(Receipt.fromJson, () => {
      return new Receipt(MADE, JSON.parse(native.receiptFromJson(textOf(json, 'the receipt'))) as ReceiptData)
    })
  }

  /** Whether the run was for `apply` or for `revoke`. */
  get verb(): Verb {
    return this.plan.verb
  }

  /** Whether every step is done. */
  get isComplete(): boolean {
    return this.steps.every(({ outcome }) => stands(outcome))
  }

  /** The steps whose change stands, in words. */
  get done(): readonly string[] {
    return this.steps.filter(({ outcome }) => stands(outcome)).map(({ summary }) => summary)
  }

  /** The steps of which nobody knows whether their change was made, in words. */
  get unknown(): readonly string[] {
    return this.steps
      .filter(({ outcome }) => outcome.kind === 'unknown' || (outcome.kind === 'failed' && outcome.effectUnknown))
      .map(({ summary }) => summary)
  }

  /** For people: every step with a mark, and a line of totals. */
  toString(): string {
    return native.receiptText(JSON.stringify(this))
  }

  static {
    Object.defineProperty(this.prototype, DERIVED, { value: true })
  }

  /** @internal What `console.log` shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

function stands(outcome: Outcome): boolean {
  return outcome.kind === 'done' || outcome.kind === 'already_done'
}
