/**
 * The words of what was thrown: its message, or its stack. It may be of another realm, where it is no instance of `Error` (under jest, the errors
 * of the native half are), and it may be nothing that can be printed. Never throws.
 */
export function wordsOf(thrown: unknown, key: 'message' | 'stack' = 'message'): string {
  try {
    const words = (thrown as Partial<Error> | null | undefined)?.[key]
    return typeof words === 'string' ? words : String(thrown)
  } catch {
    return key === 'stack' ? wordsOf(thrown) : 'it cannot be printed'
  }
}
