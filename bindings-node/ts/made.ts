import { at, siteOf } from './call.js'
import { invalid } from './input.js'

/** What the constructors of classes get that the package alone makes objects of: nobody else has it. */
export const MADE: unique symbol = Symbol('made by podrole')

/** Refuses a `new` from outside. */
export function checkMade(given: unknown, type: object, name: string, how: string): void {
  if (given !== MADE) {
    throw at(siteOf(type as never), invalid(`a ${name} is not made with \`new\``, how))
  }
}
