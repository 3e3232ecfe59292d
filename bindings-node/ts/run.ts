import type { Functions } from './asked.js'
import { at, errorOf, frozen, type Site } from './call.js'
import { PodroleError } from './errors.js'
import type { Event } from './events.js'
import { checkMade, MADE } from './made.js'
import type { NativeWork } from './native.js'
import { Receipt, type ReceiptData } from './receipt.js'
import { type AbortSignalLike, isAborted, listen, reasonOf } from './signal.js'
import { wordsOf } from './thrown.js'

/** Receives events. What it throws first becomes a process warning: it costs neither the run nor the process. */
export type EventListener = (event: Event) => void

/** @internal What a run is made from. */
export interface RunStart {
  readonly site: Site
  readonly functions: Functions
  /** Checks the input, lets the run heed the signal, and begins the native work. */
  begin(heed: (signal: AbortSignalLike | undefined) => void): { work: NativeWork; listeners: readonly EventListener[] }
}

/**
 * A run under way. It began when it was made: awaiting it gives the {@link Receipt}, iterating over it gives the events.
 *
 * Leaving an iteration does not cancel the run, and neither does letting go of it; {@link Run.cancel} and an aborted signal do. Events that
 * nobody reads never hold it up. A run that nobody awaits goes on to its end, and its failure is then nobody's: there is no unhandled
 * rejection.
 *
 * ```ts
 * import { Client } from 'podrole'
 * import { Memory } from 'podrole/testing'
 *
 * const client = Client.inMemory(new Memory())
 * const run = client.apply({
 *   cluster: 'devops_aurora',
 *   serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
 *   role: 'connections-role-test',
 * })
 * for await (const event of run) {
 *   if (event.kind === 'step_finished') console.log(event.step, event.outcome.kind)
 * }
 * const receipt = await run
 * console.log(String(receipt))
 * ```
 */
export class Run implements Promise<Receipt>, AsyncIterable<Event> {
  /** How `Object.prototype.toString` names it. */
  readonly [Symbol.toStringTag] = 'Run'
  readonly #result: Promise<Receipt>
  readonly #events: Event[] = []
  #work: NativeWork | undefined
  #ended = false
  /** How many events `nextEvent` gave. */
  #given = 0
  #waiting: (() => void)[] = []
  #warned = false

  private constructor(given: typeof MADE, start: RunStart) {
    checkMade(given, Run, 'Run', 'use `client.apply()` or `client.revoke()`')
    this.#result = this.#carryOut(start)
    // Whoever awaits the run gets the rejection; a run that nobody awaits must not end the process.
    this.#result.catch(() => undefined)
  }

  /** @internal */
  static start(start: RunStart): Run {
    return new Run(MADE, start)
  }

  /**
   * Asks the run to stop. The first time, the steps under way finish and no other begins; the second time, the run ends at once and says of
   * the steps under way that their outcome is unknown. An aborted signal asks as this does: with one call of this, that makes two.
   *
   * Unless everything is done by then, the run rejects: with a {@link PodroleError} of kind `cancelled`, or with the failure of a step that was under
   * way. The error has the receipt, except while a grant is still being planned, when nothing was changed. After the end, nothing happens.
   */
  cancel(): void {
    this.#work?.cancel()
  }

  /** The next event that this method has not given yet; undefined after the last. */
  async nextEvent(): Promise<Event | undefined> {
    const index = this.#given
    this.#given += 1
    return this.#event(index)
  }

  /** The events from the first on, also those that are past already: every iteration gives them all. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Event> {
    for (let index = 0; ; index += 1) {
      const event = await this.#event(index)
      if (event === undefined) {
        return
      }
      yield event
    }
  }

  /** Waits for the end, as awaiting the run itself does. A failure of what this gives is no unhandled rejection either. */
  finish(): Promise<Receipt> {
    return this.#result
  }

  /** As of a promise of the receipt. */
  then<T = Receipt, U = never>(
    onFulfilled?: ((receipt: Receipt) => T | PromiseLike<T>) | null,
    onRejected?: ((reason: PodroleError) => U | PromiseLike<U>) | null,
  ): Promise<T | U> {
    return this.#result.then(onFulfilled, onRejected)
  }

  /** As of a promise of the receipt. */
  catch<U = never>(onRejected?: ((reason: PodroleError) => U | PromiseLike<U>) | null): Promise<Receipt | U> {
    return this.#result.catch(onRejected)
  }

  /** As of a promise of the receipt. */
  finally(onFinally?: (() => void) | null): Promise<Receipt> {
    return this.#result.finally(onFinally)
  }

  async #event(index: number): Promise<Event | undefined> {
    while (index >= this.#events.length && !this.#ended) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return this.#events[index]
  }

  async #carryOut(start: RunStart): Promise<Receipt> {
    let heeded: AbortSignalLike | undefined
    let unlisten: (() => void) | undefined
    try {
      const { work, listeners } = start.begin((signal) => {
        heeded = signal
        unlisten = signal && listen(signal, () => this.cancel())
      })
      this.#work = work
      for (;;) {
        const batch = await work.events()
        if (batch == null) {
          break
        }
        for (const event of JSON.parse(batch) as Event[]) {
          this.#tell(frozen(event), listeners)
        }
        this.#wake()
      }
      return Receipt.of(JSON.parse(await work.answer()) as ReceiptData)
    } catch (thrown) {
      throw at(start.site, failureOf(thrown, { signal: heeded, functions: start.functions }))
    } finally {
      unlisten?.()
      this.#work = undefined
      this.#ended = true
      this.#wake()
    }
  }

  #tell(event: Event, listeners: readonly EventListener[]): void {
    this.#events.push(event)
    for (const listener of listeners) {
      // An async function is a listener too: what it rejects with is told as what others throw.
      new Promise((resolve) => resolve(listener(event))).catch((thrown: unknown) => this.#warn(thrown))
    }
  }

  #warn(thrown: unknown): void {
    if (this.#warned) {
      return
    }
    this.#warned = true
    try {
      const detail = wordsOf(thrown, 'stack')
      process.emitWarning('a listener of podrole events failed; the run goes on', { type: 'PodroleWarning', detail })
    } catch {
      // Somebody put a function of their own in the place of emitWarning. The run is worth more than the warning.
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) {
      resolve()
    }
  }
}

/** What may have ended a call from outside: then its reason is the cause. */
export interface Outside {
  readonly signal: AbortSignalLike | undefined
  readonly functions: Functions
}

/** The error of a call that something outside may have ended. */
export function failureOf(thrown: unknown, { signal, functions }: Outside): PodroleError {
  const error = errorOf(thrown)
  if (error === thrown) {
    return error
  }
  if (error.kind === 'cancelled' && isAborted(signal)) {
    return errorOf(thrown, { cause: reasonOf(signal) })
  }
  const better = functions.explain(error)
  return better === undefined ? error : errorOf(thrown, better)
}
