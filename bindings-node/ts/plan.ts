import { call, frozen } from './call.js'
import type { Grant } from './grant.js'
import { DERIVED, described, invalid, textOf } from './input.js'
import { checkMade, MADE } from './made.js'
import { native } from './native.js'
import { flag, options } from './options.js'
import { Receipt, type ReceiptData } from './receipt.js'
import type { Step } from './step.js'

/** What a plan is for: `apply` makes the world what the grants say, `revoke` takes back what podrole did for them. */
export type Verb = 'apply' | 'revoke'

/** How much a reader should care. */
export type NoticeLevel = 'info' | 'warning'

/** Something that the plan does not change and the reader should know. */
export interface Notice {
  /** How much to care. */
  readonly level: NoticeLevel
  /** What it is about (`role connections-role-test`). */
  readonly resource: string
  /** What to know, in one sentence. */
  readonly message: string
}

/** Settings of a plan that are the client's and not a grant's. */
export interface PlanOptions {
  /** Who runs podrole. */
  readonly owner: string
  /** For `revoke`: whether the OIDC provider goes too. */
  readonly removeProvider: boolean
}

/** What was learnt of clusters and policies: it lets a later look at the world happen in one round trip. */
export interface Hints {
  readonly clusters: readonly unknown[]
  readonly policyVersions: Readonly<Record<string, string>>
}

/** The JSON form of a {@link Plan}. */
export interface PlanData {
  readonly schemaVersion: 1
  readonly verb: Verb
  readonly grants: readonly Grant[]
  readonly options: PlanOptions
  readonly steps: readonly Step[]
  readonly notices: readonly Notice[]
  readonly hints: Hints
  readonly receipt?: ReceiptData
}

/** How a plan is printed. */
export interface RenderOptions {
  /** Columns to fill, at least 40; default 100. */
  readonly width?: number | undefined
  /** Whether to colour with ANSI codes; default no. Decide by terminal and `NO_COLOR`. */
  readonly color?: boolean | undefined
}

/**
 * What will be done. A plan does nothing until it is applied, and cannot be changed.
 *
 * `String(plan)` is for people, `JSON.stringify(plan)` can be saved, and {@link Plan.fromJson} reads it back to be applied later.
 *
 * ```ts
 * import { Client, Plan } from 'podrole'
 * import { Memory } from 'podrole/testing'
 *
 * const client = Client.inMemory(new Memory())
 * const plan = await client.plan({
 *   cluster: 'devops_aurora',
 *   serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
 *   role: 'connections-role-test',
 * })
 * const saved = JSON.stringify(plan)
 * const receipt = await client.apply(Plan.fromJson(saved))
 * console.log(receipt.isComplete)
 * ```
 */
export class Plan implements PlanData {
  /** Version of this format. */
  readonly schemaVersion: 1
  /** What it is for. */
  readonly verb: Verb
  /** The grants it was made from, in their long form. */
  readonly grants: readonly Grant[]
  /** The settings it was made with. */
  readonly options: PlanOptions
  /** The changes, each after those it depends on. */
  readonly steps: readonly Step[]
  /** What is not changed and should be known. */
  readonly notices: readonly Notice[]
  /** What was learnt of clusters and policies. */
  readonly hints: Hints
  /** For `revoke`: the receipt it was given. */
  declare readonly receipt?: Receipt

  private constructor(given: typeof MADE, data: PlanData) {
    checkMade(given, Plan, 'Plan', 'use `client.plan()`, `client.planRevoke()` or `Plan.fromJson()`')
    this.schemaVersion = data.schemaVersion
    this.verb = data.verb
    this.grants = frozen(data.grants)
    this.options = frozen(data.options)
    this.steps = frozen(data.steps)
    this.notices = frozen(data.notices)
    this.hints = frozen(data.hints)
    if (data.receipt !== undefined) {
      this.receipt = Receipt.of(data.receipt)
    }
    Object.freeze(this)
  }

  /** @internal */
  static of(data: PlanData): Plan {
    return data instanceof Plan ? data : new Plan(MADE, data)
  }

  /**
   * Reads a plan that `JSON.stringify` wrote.
   *
   * @param json - The text, or what `JSON.parse` made of it.
   * @throws {@link PodroleError} of kind `invalid_input` when it is not a plan, has unknown fields, or is of another schema version.
   */
  static fromJson(json: string | PlanData): Plan {
    return call(Plan.fromJson, () => new Plan(MADE, JSON.parse(native.planFromJson(textOf(json, 'the plan'))) as PlanData))
  }

  /** Whether there is nothing to do. */
  get isEmpty(): boolean {
    return this.steps.length === 0
  }

  /**
   * For people: what changes, before → after, and why.
   *
   * @throws {@link PodroleError} of kind `invalid_input` for an illegal option.
   */
  render(options: RenderOptions = {}): string {
    return call(this.render, () => {
      const { width, color } = rendering(options)
      return native.planText(JSON.stringify(this), width, color)
    })
  }

  /** As {@link Plan.render}, without colour. */
  toString(): string {
    return this.render()
  }

  static {
    Object.defineProperty(this.prototype, DERIVED, { value: true })
  }

  /** @internal What `console.log` shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

function rendering(given: RenderOptions): { width: number | undefined; color: boolean } {
  const { width, color } = options<RenderOptions>(given, ['width', 'color'])
  if (width !== undefined && !(typeof width === 'number' && Number.isInteger(width) && width >= 0 && width < 2 ** 32)) {
    throw invalid(`options.width must be a whole number of columns, this is ${described(width)}`)
  }
  return { width, color: flag(color, 'options.color') ?? false }
}
