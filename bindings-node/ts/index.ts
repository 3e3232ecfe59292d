/** Give a Kubernetes workload on Amazon EKS an AWS IAM role, in-process. */

import { PodroleError } from './errors.js'
import { type Outcome, native } from './native.js'

export { type ErrorKind, PodroleError } from './errors.js'

/** A policy document of AWS, ready for `JSON.stringify`. */
export interface PolicyDocument {
  readonly Version: string
  readonly Statement: readonly PolicyStatement[]
}

/** A statement of a policy document. Its other elements are what the policy language allows. */
export interface PolicyStatement {
  readonly Effect: 'Allow' | 'Deny'
  readonly [element: string]: unknown
}

/** The version of the core. */
export const version: string = native.version()

/**
 * Builds the trust policy that lets one service account of a cluster assume a role.
 *
 * Nothing is called: the document comes from the arguments alone. It pins both `:sub` and `:aud`.
 *
 * @param providerArn - The ARN of the cluster's OIDC provider in IAM; the issuer is read from it.
 * @param serviceAccount - The service account as `namespace/name`.
 * @throws {@link PodroleError} of kind `invalid_input` when an argument is no string or breaks a naming rule.
 */
export function trustDocument(providerArn: string, serviceAccount: string): PolicyDocument {
  text('providerArn', providerArn)
  text('serviceAccount', serviceAccount)
  return unwrap(native.trustDocument(providerArn, serviceAccount)) as PolicyDocument
}

function text(name: string, value: unknown): void {
  if (typeof value !== 'string') {
    const type = value === null ? 'null' : typeof value
    throw new PodroleError('invalid_input', `${name} must be a string, this is ${type}`)
  }
}

function unwrap(outcome: Outcome): unknown {
  if (outcome.failure !== undefined) {
    throw PodroleError.fromPayload(outcome.failure)
  }
  return JSON.parse(outcome.value ?? 'null')
}
