import { call, frozen } from './call.js'
import type { Grant } from './grant.js'
import { DERIVED, textOf } from './input.js'
import { checkMade, MADE } from './made.js'
import { native } from './native.js'

/** What a check looked at. Later versions add kinds: keep a default branch. */
export type CheckKind =
  | 'provider'
  | 'audience'
  | 'role'
  | 'trust'
  | 'pod_identity'
  | 'boundary'
  | 'attachment'
  | 'document'
  | 'annotation'
  | 'workload'
  | 'rollout'
  | 'credentials'
  | 'kustomization'
  | 'data_sync'

/**
 * How a check came out: `passed` is as it should be; `warned` works, but somebody should look at it; `skipped` could not be looked at;
 * with `failed`, pods will not get, or not keep to, what the grant says.
 */
export type Status = 'passed' | 'warned' | 'skipped' | 'failed'

/** One finding of a {@link Report}. */
export interface Check {
  /** What was looked at. */
  readonly kind: CheckKind
  /** The thing, in words. */
  readonly resource: string
  /** How it came out. */
  readonly status: Status
  /** What was found. */
  readonly message: string
  /** What to do about it. */
  readonly remedy?: string
}

/** The JSON form of a {@link Report}. */
export interface ReportData {
  readonly schemaVersion: 1
  readonly grants: readonly Grant[]
  readonly checks: readonly Check[]
}

/** What `verify` found. `String(report)` is for people, `JSON.stringify` writes it, {@link Report.fromJson} reads it back. */
export class Report implements ReportData {
  /** Version of this format. */
  readonly schemaVersion: 1
  /** The grants that were verified. */
  readonly grants: readonly Grant[]
  /** The checks, in the order in which a credential comes about. */
  readonly checks: readonly Check[]

  private constructor(given: typeof MADE, data: ReportData) {
    checkMade(given, Report, 'Report', 'use `client.verify()` or `Report.fromJson()`')
    this.schemaVersion = data.schemaVersion
    this.grants = frozen(data.grants)
    this.checks = frozen(data.checks)
    Object.freeze(this)
  }

  /** @internal */
  static of(data: ReportData): Report {
    return new Report(MADE, data)
  }

  /**
   * Reads a report that `JSON.stringify` wrote.
   *
   * @param json - The text, or what `JSON.parse` made of it.
   * @throws {@link PodroleError} of kind `invalid_input` when it is not a report, has unknown fields, or is of another schema version.
   */
  static fromJson(json: string | ReportData): Report {
    return call(Report.fromJson, () => new Report(MADE, JSON.parse(native.reportFromJson(textOf(json, 'the report'))) as ReportData))
  }

  /** Whether no check failed. Warned and skipped checks do not count as failures. */
  get passed(): boolean {
    return this.failures.length === 0
  }

  /** The checks that failed. */
  get failures(): readonly Check[] {
    return this.checks.filter(({ status }) => status === 'failed')
  }

  /**
   * The report itself, unless a check failed.
   *
   * @throws {@link PodroleError} of kind `verification_failed`, with message and remedy of the first failed check and the count of the others.
   */
  throwForFailures(): this {
    call(this.throwForFailures, () => native.reportIntoResult(JSON.stringify(this)))
    return this
  }

  /** For people: every check with a mark, remedies, and a line of totals. */
  toString(): string {
    return native.reportText(JSON.stringify(this))
  }

  static {
    Object.defineProperty(this.prototype, DERIVED, { value: true })
  }

  /** @internal What `console.log` shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}
