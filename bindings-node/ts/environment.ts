import type { ConnectOptions } from './connection.js'
import { invalid } from './input.js'
import { native } from './native.js'

/** The variables that decide where calls go and who makes them, each with the option without which it is read. */
const READ: readonly (readonly [RegExp, keyof ConnectOptions | undefined])[] = [
  [/^AWS_(DEFAULT_)?REGION$/, 'region'],
  [/^AWS_PROFILE$/, 'profile'],
  [/^AWS_ENDPOINT_URL$/, 'endpointUrl'],
  [/^AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|ROLE_\w+|WEB_IDENTITY_\w+|CONTAINER_\w+)$/, 'credentials'],
  [/^(AWS_\w+|HOME|USERPROFILE|HOMEDRIVE|HOMEPATH|SSL_CERT_\w+|(HTTPS?|ALL|NO)_PROXY)$/i, undefined],
]

/**
 * The native half reads the environment of the process. Where `process.env` is a copy (in a worker thread, under jest) and says something else,
 * that would be without effect, and another account might be meant.
 *
 * @param given - The options that are set.
 * @param also - Further variables that are read.
 * @throws {@link PodroleError} of kind `invalid_input` that names the variable.
 */
export function checkEnvironment(given: { readonly [K in keyof ConnectOptions]?: unknown }, also: readonly string[]): void {
  const real = JSON.parse(native.environment()) as Record<string, string>
  const mine = process.env
  for (const name of new Set([...Object.keys(real), ...Object.keys(mine)])) {
    if (mine[name] === real[name]) {
      continue
    }
    const [names, option] = READ.find(([names]) => names.test(name)) ?? []
    if (also.includes(name) || (names !== undefined && (option === undefined || given[option] === undefined))) {
      const give = option === undefined ? '' : `give the option \`${option}\`, `
      throw invalid(
        `${name} of this thread's process.env is not that of the process, which would be used`,
        `${give}set it where the process starts, or start the worker with \`env: SHARE_ENV\` of node:worker_threads`,
      )
    }
  }
}
