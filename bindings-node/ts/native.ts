import { createRequire } from 'node:module'

import { platform } from './platform.js'

/** What a native call came to, as JSON text: one of the two is there. */
export interface Outcome {
  readonly value?: string
  readonly failure?: string
}

interface Native {
  version(): string
  trustDocument(providerArn: string, serviceAccount: string): Outcome
}

const file = `../podrole.${platform()}.node`

export const native: Native = load()

function load(): Native {
  try {
    return createRequire(import.meta.url)(file) as Native
  } catch (cause) {
    throw new Error(`podrole has no working native module for ${platform()}`, { cause })
  }
}
