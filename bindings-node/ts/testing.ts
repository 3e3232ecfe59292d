/**
 * A simulated AWS and EKS in memory, to test your own tooling on: with `node:test`, vitest, jest or nothing at all.
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
