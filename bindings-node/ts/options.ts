import { below, described, invalid, kindOf, own, read, readable } from './input.js'

type Values<T> = { readonly [K in keyof T]?: unknown }

/** Takes the options of a call: an object with these properties and no others. */
export function options<T extends object>(given: unknown, legal: readonly (keyof T & string)[], what = 'options'): Values<T> {
  if (given === undefined) {
    return {}
  }
  // A signal or a listener has no properties of its own, and would pass as no options at all.
  if (readable(what, () => Object.prototype.toString.call(given)) !== '[object Object]') {
    throw invalid(`${what} must be an object, this is ${kindOf(given)}`, `legal options here: ${legal.join(', ')}`)
  }
  readable(what, () => own(given as object, what, legal))
  const taken: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const key of readable(what, () => Object.keys(given as object))) {
    const path = below(what, key)
    if (!legal.some((name) => name === key)) {
      const near = nearest(key, legal)
      throw invalid(
        `${path}: unknown option${near === undefined ? '' : `; did you mean \`${near}\`?`}`,
        `legal options here: ${legal.join(', ')}`,
      )
    }
    taken[key] = read(given as object, key, path)
  }
  return taken as Values<T>
}

/** An option that is a function. */
export function callable<F extends (...args: never[]) => unknown>(value: unknown, path: string): F | undefined {
  if (value !== undefined && typeof value !== 'function') {
    // A token in the place of the function that gives it must not be shown.
    throw invalid(`${path} must be a function, this is ${kindOf(value)}`)
  }
  return value as F | undefined
}

/** An option that is a length of time in seconds. */
export function seconds(value: unknown, path: string): number | undefined {
  if (value === undefined) {
    return undefined
  }
  // Longer than a tokio timer waits is surely a mistake.
  if (typeof value !== 'number' || !(value >= 0) || value > 31_536_000) {
    throw invalid(`${path} must be a number of seconds from 0 to 31536000, this is ${described(value)}`)
  }
  return value
}

/** An option that is a yes or no. */
export function flag(value: unknown, path: string): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') {
    throw invalid(`${path} must be true or false, this is ${described(value)}`)
  }
  return value
}

/** The legal word that was probably meant. */
export function nearest(word: string, legal: readonly string[]): string | undefined {
  const bare = (text: string) => text.toLowerCase().replace(/[-_ ]/g, '')
  const [best] = legal
    .map((name) => ({ name, distance: distance(bare(word.slice(0, 64)), bare(name)) }))
    .filter(({ name, distance }) => distance <= Math.min(3, Math.max(1, name.length >> 1)))
    .sort((left, right) => left.distance - right.distance)
  return best?.name
}

function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= right.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[right.length] ?? 0
}
