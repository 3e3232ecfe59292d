import { described, invalid, readable } from './input.js'

/** The part of an `AbortSignal` that is used: any implementation will do. */
export interface AbortSignalLike {
  /** Whether it was aborted. */
  readonly aborted: boolean
  /** Why; it becomes the `cause` of the error. */
  readonly reason?: unknown
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** An option that is a signal. */
export function signal(value: unknown, path: string): AbortSignalLike | undefined {
  if (value === undefined) {
    return undefined
  }
  const found = value as Partial<AbortSignalLike> | null
  const fits = () =>
    typeof found === 'object' &&
    typeof found?.aborted === 'boolean' &&
    typeof found.addEventListener === 'function' &&
    typeof found.removeEventListener === 'function'
  if (!readable(path, fits)) {
    throw invalid(`${path} must be an AbortSignal, this is ${described(value)}`, 'give the `signal` of an AbortController')
  }
  return value as AbortSignalLike
}

/** Who waits for a signal, and the one listener that it has of ours, however many calls it is given to: Node warns of more than ten. */
interface Heard {
  readonly waiting: Set<() => void>
  readonly listener: () => void
}

const heard = new WeakMap<AbortSignalLike, Heard>()

/**
 * Calls `abort` once when a signal is aborted, until what this returns is called; that never throws.
 *
 * @throws {@link PodroleError} of kind `invalid_input` when the signal does not let itself be listened to.
 */
export function listen(signal: AbortSignalLike, abort: () => void): () => void {
  const mine = heard.get(signal) ?? begin(signal)
  mine.waiting.add(abort)
  return () => {
    mine.waiting.delete(abort)
    if (mine.waiting.size === 0 && heard.get(signal) === mine) {
      heard.delete(signal)
      quietly(() => signal.removeEventListener('abort', mine.listener))
    }
  }
}

function begin(signal: AbortSignalLike): Heard {
  const waiting = new Set<() => void>()
  const listener = () => {
    // Whoever is told is told once: a second time would not wait for the step in flight.
    const told = [...waiting]
    waiting.clear()
    told.forEach((abort) => abort())
  }
  readable('options.signal', () => signal.addEventListener('abort', listener, { once: true }))
  const mine = { waiting, listener }
  heard.set(signal, mine)
  return mine
}

/** Whether a signal is aborted, as far as it can be told. */
export function isAborted(signal: AbortSignalLike | undefined): boolean {
  return quietly(() => signal?.aborted) === true
}

/** Why a signal was aborted, as far as it can be told. */
export function reasonOf(signal: AbortSignalLike | undefined): unknown {
  return quietly(() => signal?.reason)
}

/** A signal of the caller's own making may throw at anything; when work is under way, that must not cost its receipt. */
function quietly<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
