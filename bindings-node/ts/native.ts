import { createRequire } from 'node:module'

import type { Native } from './generated.js'
import { platform } from './platform.js'

export type { Client as NativeClient, Memory as NativeMemory, Stop as NativeStop, Work as NativeWork } from './generated.js'

/** The native half: private, since its shape follows the façade. */
export const native: Native = load()

function load(): Native {
  const require = createRequire(import.meta.url)
  const causes: unknown[] = []
  // In a package that was packed on a developer's machine, the module lies beside; in a published one, in a package of its own.
  for (const place of [`../podrole.${platform()}.node`, `podrole-${platform()}`]) {
    try {
      return require(place) as Native
    } catch (cause) {
      causes.push(cause)
    }
  }
  const hint = 'install podrole again on this machine, with its optional dependencies (not `--omit=optional`, no copied node_modules)'
  throw new Error(`podrole has no working native module for ${platform()}: ${hint}`, { cause: new AggregateError(causes) })
}
