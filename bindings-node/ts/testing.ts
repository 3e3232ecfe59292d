/**
 * A simulated AWS and EKS in memory, to test your own tooling on: with `node:test`, vitest, jest or nothing at all. jest loads ES modules only when
 * it is started with `NODE_OPTIONS=--experimental-vm-modules`.
 *
 * @module
 */

export {
  type AssumedRole,
  type CallFilter,
  type CallRecord,
  type Fault,
  type FaultEffect,
  Memory,
  Stop,
} from './memory.js'
export {
  type Account,
  type AccountPolicy,
  type AccountProvider,
  type AccountRole,
  type Container,
  type FieldOwner,
  type PodIdentityAssociation,
  type Quotas,
  World,
  type WorldCluster,
  type WorldInput,
  type WorldNamespace,
  type WorldPod,
  type WorldServiceAccount,
  type WorldWorkload,
} from './world.js'
