import { type ErrorPayload, PodroleError } from './errors.js'
import { Receipt, type ReceiptData } from './receipt.js'
import { wordsOf } from './thrown.js'

/** Where a call was made: what a stack is taken from. */
export interface Site {
  readonly stack?: string
}

/** Remembers who called `below`, so that an error that comes later points there. */
export function siteOf(below: (...args: never[]) => unknown): Site {
  const site: Site = {}
  try {
    Error.captureStackTrace(site, below)
  } catch {
    // Somebody made it their own. An error without the place is worth more than none.
  }
  return site
}

/** Gives an error the stack of the call. */
export function at(site: Site, error: PodroleError): PodroleError {
  const stack = stackOf(site)
  const frames = stack.indexOf('\n    at ')
  if (frames >= 0) {
    error.stack = `${String(error)}${stack.slice(frames)}`
  }
  return error
}

/** The stack as text, as far as there is one: a caller's `Error.prepareStackTrace` may give anything, and may throw. */
function stackOf(site: Site): string {
  try {
    const stack: unknown = site.stack
    return typeof stack === 'string' ? stack : ''
  } catch {
    return ''
  }
}

/** What this side knows better about a failure than the native half. */
export interface Explained extends Partial<Pick<ErrorPayload, 'message' | 'remedy'>> {
  readonly cause?: unknown
}

/** The error that a failure of the native half stands for. */
export function errorOf(thrown: unknown, { cause, ...better }: Explained = {}): PodroleError {
  if (thrown instanceof PodroleError) {
    return thrown
  }
  const failure = failureOf(thrown)
  if (failure === undefined) {
    return new PodroleError({ kind: 'unexpected', message: wordsOf(thrown) }, { cause: thrown })
  }
  const { receipt, causes = [], ...payload } = failure
  // Innermost first: each is the cause of the one before.
  const beneath = causes.reduceRight<Error | undefined>(
    (inner, message) => new Error(message, inner === undefined ? {} : { cause: inner }),
    undefined,
  )
  return new PodroleError({ ...payload, ...better }, {
    cause: cause ?? beneath,
    receipt: receipt === undefined ? undefined : Receipt.of(receipt),
  })
}

type Failure = ErrorPayload & { readonly receipt?: ReceiptData; readonly causes?: readonly string[] }

function failureOf(thrown: unknown): Failure | undefined {
  const text = wordsOf(thrown)
  return text.startsWith('{"kind":') ? (JSON.parse(text) as Failure) : undefined
}

/** Makes a synchronous native call; what it throws points at the caller of `below`. */
export function call<T>(below: (...args: never[]) => unknown, work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    throw at(siteOf(below), errorOf(thrown))
  }
}

/** Whatever was parsed, so that nobody changes what a plan says between reading and applying it. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value)
    if (Array.isArray(value)) {
      value.forEach(frozen)
    } else {
      // What was parsed has no properties but its own; Object.values would make a list of each object.
      for (const key in value) {
        frozen(value[key])
      }
    }
  }
  return value
}
