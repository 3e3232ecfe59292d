// Compiled, not run: what a strict TypeScript user of the installed package writes.

import { type ErrorKind, PodroleError, type PolicyDocument, trustDocument, version } from 'podrole'

const document: PolicyDocument = trustDocument('arn', 'namespace/name')
export const effects: readonly ('Allow' | 'Deny')[] = document.Statement.map((statement) => statement.Effect)
export const described: string = version.toUpperCase()

export function explain(error: unknown): string {
  if (!(error instanceof PodroleError)) {
    return 'unknown'
  }
  const kind: ErrorKind = error.kind
  return `${kind} ${error.code} ${error.remedy ?? ''}`
}

// @ts-expect-error an argument is missing
trustDocument('arn')
// @ts-expect-error not a string
trustDocument('arn', 7)
// @ts-expect-error read-only
document.Version = '2008-10-17'
