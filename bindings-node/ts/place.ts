import { errorOf } from './call.js'
import type { PodroleError } from './errors.js'
import { below, invalid } from './input.js'
import { nearest } from './options.js'

/**
 * Hands JSON text to the native half. What does not fit it tells by the place in the text; here that becomes the path in the object that the text was
 * made from, with the nearest legal name.
 */
export function handed<T>(json: string, work: (json: string) => T): T {
  try {
    return work(json)
  } catch (thrown) {
    throw placed(errorOf(thrown), json)
  }
}

function placed(error: PodroleError, json: string): PodroleError {
  const [, what = '', problem, column] = /^(this is not .+?: )(.+) at line 1 column (\d+)$/s.exec(error.message) ?? []
  if (problem === undefined || !isJson(json)) {
    return error
  }
  const [, unknown, word = '', expected = ''] = /^unknown (field|variant) `(.*?)`, expected (.+)$/s.exec(problem) ?? []
  const legal = [...expected.matchAll(/`(.+?)`/g)].map(([, name = '']) => name)
  const near = nearest(word, legal)
  const hint = near === undefined ? '' : `; did you mean \`${near}\`?`
  // The columns are counted in bytes.
  const before = Buffer.from(json).subarray(0, Number(column)).toString()
  const path = pathAt(before, problem.startsWith('missing field'))
  const named = path === '' ? what : `${path}: `
  switch (unknown) {
    case 'field':
      return invalid(`${named}unknown key${hint}`, `legal keys here: ${legal.join(', ')}`)
    case 'variant':
      return invalid(`${named}unknown value ${JSON.stringify(word)}${hint}`, `write one of: ${legal.join(', ')}`)
    default:
      return invalid(`${named}${problem}`, error.remedy)
  }
}

/** Otherwise the place in the text is what helps. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The path of what JSON text has come to at its end; `missing`: of the object itself that ends there, and not of its last property. */
function pathAt(before: string, missing: boolean): string {
  const places: (string | number | undefined)[] = []
  let last = ''
  for (const [token] of before.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g)) {
    if (token === '{' || token === '[') {
      places.push(token === '{' ? undefined : 0)
    } else if (token === '}' || token === ']') {
      places.pop()
    } else {
      const here = places.at(-1)
      if (typeof here === 'number') {
        places[places.length - 1] = token === ',' ? here + 1 : here
      } else if (token.startsWith('"') && last !== ':') {
        places[places.length - 1] = JSON.parse(token) as string
      }
    }
    last = token
  }
  if (missing && !before.endsWith('}')) {
    places.pop()
  }
  return places.reduce<string>((path, place) => {
    return place === undefined ? path : typeof place === 'number' ? `${path}[${place}]` : below(path, place)
  }, '')
}
