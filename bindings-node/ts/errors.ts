/** What kind of failure it was. Later versions add kinds: keep a default branch. */
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

/** A failure of podrole. */
export class PodroleError extends Error {
  override readonly name = 'PodroleError'
  /** The stable kind (`invalid_input`). */
  readonly kind: ErrorKind
  /** The same as Node writes its codes (`PODROLE_INVALID_INPUT`). */
  readonly code: string
  /** What to do about it. */
  readonly remedy: string | undefined

  constructor(kind: ErrorKind, message: string, remedy?: string) {
    super(message)
    this.kind = kind
    this.code = `PODROLE_${kind.toUpperCase()}`
    this.remedy = remedy
  }

  /** @internal The error that belongs to an error payload of the core. */
  static fromPayload(payload: string): PodroleError {
    const fields = JSON.parse(payload) as { kind: ErrorKind; message: string; remedy?: string }
    return new PodroleError(fields.kind, fields.message, fields.remedy)
  }
}
