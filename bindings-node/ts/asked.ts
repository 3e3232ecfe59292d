import type { Explained } from './call.js'
import type { PodroleError } from './errors.js'
import { wordsOf } from './thrown.js'

/** A function as the native half asks it: it takes and gives JSON text, and never throws. */
export type Asked = (question: string) => Promise<string>

/** A function that the native half tells that something came about; it never throws. */
export type Tell = () => void

/** One asking of a function of the caller. */
interface Asking {
  /** What it failed with; absent while it owes the answer. */
  failure?: { readonly thrown: unknown; readonly words: string }
}

/** The functions of the caller that a client asks, for credentials and tokens. */
export class Functions {
  /** The askings that gave no answer, by the function's name: of each the last one, and the last one of all at the end. */
  readonly #unanswered = new Map<string, Asking>()

  /** Wraps a function so that what it throws becomes an answer too. */
  asked(nameOf: (question: string) => string, answer: (question: string, name: string) => Promise<unknown>): Asked {
    return async (question) => {
      const name = nameOf(question)
      const mine: Asking = {}
      this.#unanswered.delete(name)
      this.#unanswered.set(name, mine)
      try {
        const value = await answer(question, name)
        // It may have been asked again meanwhile, and owe that answer.
        if (this.#unanswered.get(name) === mine) {
          this.#unanswered.delete(name)
        }
        return JSON.stringify({ value })
      } catch (thrown) {
        // On one line, as errors of AWS show it.
        const lines = wordsOf(thrown).split('\n').map((line) => line.trim())
        const words = lines.filter((line) => line !== '').join(' ')
        mine.failure = { thrown, words }
        return JSON.stringify({ failure: words })
      }
    }
  }

  /** What the functions have to do with an error: what one of them threw is its cause, and one that still owes its answer is named. */
  explain({ kind, message }: PodroleError): Explained | undefined {
    for (const [name, { failure }] of [...this.#unanswered].reverse()) {
      if (failure === undefined && kind === 'timeout') {
        return {
          message: `the function \`${name}\` has not answered in time`,
          remedy: 'see what it waits for, or allow more with `awsTimeout` and `kubernetesTimeout`',
        }
      }
      if (failure !== undefined && kind === 'credentials' && message.includes(failure.words)) {
        return { cause: failure.thrown, remedy: `see why the function \`${name}\` fails: what it threw is the \`cause\` of this error` }
      }
    }
    return undefined
  }
}
