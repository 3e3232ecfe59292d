import { types } from 'node:util'

import { PodroleError } from './errors.js'

/** How deep objects may be nested: more than any grant or world, and far less than a stack holds. */
const LEVELS = 100

/** How many values an object may hold: more than any grant, plan or world has, and few enough for the memory. */
const VALUES = 1_000_000

/** How much of a text is shown. */
const SHOWN = 60

/**
 * The JSON text of an object that a caller hands over. Only what JSON can hold passes; the error names the place of everything else.
 *
 * @param what - What the object is, for the error (`the grant`). Paths begin below it.
 */
export function jsonOf(value: unknown, what: string): string {
  return JSON.stringify(dataOf(value, what))
}

/** A copy of an object that a caller hands over, made of plain data alone. Errors as {@link jsonOf}. */
export function dataOf(value: unknown, what: string): object {
  // A proxy can throw at anything.
  return readable(what, () => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalid(`${what} must be an object, this is ${described(value)}`)
    }
    return plain(value, what, new Place()) as object
  })
}

/** The JSON text of a grant; what podrole itself gives is no grant, and named. Errors as {@link jsonOf}. */
export function grantText(value: unknown, what = 'the grant'): string {
  const data = dataOf(value, what)
  const [given, remedy] =
    'steps' in data
      ? 'plan' in data
        ? ['a receipt', 'give the grant, or to `apply` the `plan` of the receipt']
        : ['a plan', 'give it to `apply`, or here the grant that it was made from: `plan.grants[0]`']
      : 'checks' in data
        ? ['a report', 'give the grant that was verified']
        : []
  if (given !== undefined) {
    throw invalid(`${what} must be a grant, this is ${given}`, remedy)
  }
  return JSON.stringify(data)
}

/** Where the copying is, and how much it has copied. */
class Place {
  /** The objects that contain this place. */
  readonly above: object[] = []
  values = 0
}

function plain(value: unknown, path: string, place: Place): unknown {
  place.values += 1
  // An object counts at each place that leads to it: a few dozen that share one another can stand for more than there is room for.
  if (place.values > VALUES) {
    throw invalid(`${path.slice(0, 200)}: there are more than ${VALUES} values up to here, counting what several places share at each of them`)
  }
  switch (typeof value) {
    case 'string':
      return text(value, path)
    case 'boolean':
      return value
    case 'number':
      if (!Number.isFinite(value)) {
        throw invalid(`${path} must be a finite number, this is ${value}`)
      }
      return value
    case 'object':
      return value === null ? null : container(value, path, place)
    default:
      throw invalid(`${path} must be data, this is ${described(value)}`)
  }
}

function container(value: object, path: string, place: Place): unknown {
  const { above } = place
  if (above.includes(value)) {
    throw invalid(`${path} leads back to an object that contains it`, 'break the cycle')
  }
  if (above.length >= LEVELS) {
    throw invalid(`${path.slice(0, 200)}… is nested more than ${LEVELS} levels deep`)
  }
  above.push(value)
  const copy = Array.isArray(value) ? list(value, path, place) : mapping(value, path, place)
  above.pop()
  return copy
}

function list(value: readonly unknown[], path: string, place: Place): unknown[] {
  const copy: unknown[] = []
  for (let index = 0; index < value.length; index += 1) {
    copy.push(plain(read(value, index, `${path}[${index}]`), `${path}[${index}]`, place))
  }
  return copy
}

function mapping(value: object, path: string, place: Place): unknown {
  const tag = Object.prototype.toString.call(value)
  if (tag !== '[object Object]') {
    throw invalid(
      `${path} must be a plain object, this is ${described(value)}`,
      types.isPromise(value) ? 'await it' : 'write it as an object literal, or use Object.fromEntries',
    )
  }
  own(value, place.above.length === 1 ? '' : path)
  // Without a prototype, so that a key `__proto__` is a key like any other, and refused as one.
  const copy = Object.create(null) as Record<string, unknown>
  for (const key of Object.keys(value)) {
    const inner = below(place.above.length === 1 ? '' : path, key)
    text(key, inner)
    const item = read(value, key, inner)
    if (item !== undefined) {
      copy[key] = plain(item, inner, place)
    }
  }
  return copy
}

/** A property of an object that a caller hands over. */
export function read(value: object, key: string | number, path: string): unknown {
  try {
    return (value as Record<string | number, unknown>)[key]
  } catch (cause) {
    throw invalid(`${path} cannot be read: its getter throws`, undefined, cause)
  }
}

/** Marks the prototypes of the package's own classes: what they have there comes from what each object has itself. */
export const DERIVED = Symbol.for('podrole.derived')

/**
 * Refuses an object that has data on a prototype, where only what an object has itself is read: it would be ignored. Methods are no data, except
 * those that are named; what somebody put on `Object.prototype` is nobody's.
 */
export function own(value: object, path: string, functions: readonly string[] = []): void {
  let prototype = Object.getPrototypeOf(value) as object | null
  // A proxy can give one prototype after another.
  for (let level = 0; prototype !== null && level < LEVELS; level += 1) {
    const above = Object.getPrototypeOf(prototype) as object | null
    if ((above === null && Object.hasOwn(prototype, 'isPrototypeOf')) || DERIVED in prototype) {
      return
    }
    for (const key of Object.getOwnPropertyNames(prototype)) {
      const property = Object.getOwnPropertyDescriptor(prototype, key)
      if (property !== undefined && (typeof property.value !== 'function' || functions.includes(key))) {
        throw invalid(
          `${below(path, key)} is on a prototype, where it would be ignored: only properties of the object itself are read`,
          'give a plain object',
        )
      }
    }
    prototype = above
  }
}

/** The path of a property. */
export function below(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(key) || key.length > SHOWN) {
    return `${path}[${JSON.stringify(cut(key))}]`
  }
  return path === '' ? key : `${path}.${key}`
}

/** A text that a native call may get. */
export function text(value: unknown, path: string): string {
  if (typeof value !== 'string') {
    throw invalid(`${path} must be a string, this is ${described(value)}`)
  }
  if (/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(value)) {
    throw invalid(`${path} holds half of a surrogate pair, which is not text`)
  }
  return value
}

/** A `URL`: any implementation will do. */
export interface UrlLike {
  /** The URL as text. */
  readonly href: string
}

/** A URL object as text; everything else as it is. */
export function hrefOf(value: unknown, path: string): unknown {
  return readable(path, () => (Object.prototype.toString.call(value) === '[object URL]' ? (value as UrlLike).href : value))
}

/** What a value is, in words. */
export function described(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'undefined'
    case 'string':
      return `the string ${JSON.stringify(cut(value))}`
    case 'number':
    case 'boolean':
      return `${value}`
    case 'object': {
      if (value === null) {
        return 'null'
      }
      const kind = tagOf(value)
      return kind === 'Object' ? 'an object' : /^[AEIOU]/.test(kind) ? `an ${kind}` : `a ${kind}`
    }
    default:
      return `a ${typeof value}`
  }
}

function cut(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}

function tagOf(value: object): string {
  try {
    return Object.prototype.toString.call(value).slice('[object '.length, -1)
  } catch {
    // A proxy that was revoked, or whose handler throws.
    return 'Proxy'
  }
}

/** As {@link described}, without the value: for what may be a secret. */
export function kindOf(value: unknown): string {
  return value === '' ? 'an empty string' : typeof value === 'string' ? 'a string' : described(value)
}

/** Does what reads a caller's object; what its getters or its proxy throw becomes an error that names it. */
export function readable<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw cause instanceof PodroleError ? cause : invalid(`${what} cannot be read`, undefined, cause)
  }
}

/** The error for input that breaks a rule. */
export function invalid(message: string, remedy?: string, cause?: unknown): PodroleError {
  return new PodroleError(
    { kind: 'invalid_input', message, ...(remedy === undefined ? {} : { remedy }) },
    cause === undefined ? {} : { cause },
  )
}

/** The JSON text of something that was written as JSON: the text itself, or what was parsed from it. */
export function textOf(json: unknown, what: string): string {
  return typeof json === 'string' ? text(json, what) : jsonOf(json, what)
}
