/**
 * Give a Kubernetes workload on Amazon EKS an AWS IAM role, in-process: plan it, apply it, verify it, revoke it.
 *
 * Start with {@link Client}. `podrole/testing` has a simulated account and cluster to try it on.
 *
 * @module
 */

import { native } from './native.js'

export { dataSyncStatement, kustomizePatch, s3Policy, serviceAccountYaml, trustDocument } from './artifacts.js'
export { type ApplyOptions, type CallOptions, Client, type InMemoryOptions, type RevokeOptions } from './client.js'
export type {
  AwsCredentials,
  AwsCredentialsProvider,
  BearerToken,
  ConnectOptions,
  KubeConfigLike,
  KubeconfigInput,
  TokenProvider,
  TokenRequest,
} from './connection.js'
export type { NewPolicyDocument, PolicyDocument, PolicyStatement } from './document.js'
export {
  type ErrorData,
  type ErrorKind,
  type ErrorPayload,
  type FieldConflict,
  type Leftovers,
  PodroleError,
  type Retry,
} from './errors.js'
export type {
  CancellingEvent,
  Event,
  FinishedEvent,
  StartedEvent,
  StepFinishedEvent,
  StepStartedEvent,
  WaitingEvent,
} from './events.js'
export {
  type Cluster,
  type DataSyncGrant,
  Grant,
  type KustomizationGrant,
  type Manage,
  type Mechanism,
  type PolicyGrant,
  type PolicySource,
  type ProviderGrant,
  type RoleGrant,
  type S3Access,
  type S3Grant,
  type Scope,
  type ServiceAccountGrant,
  type TokenGrant,
  type TrustGrant,
  type WorkloadGrant,
  type WorkloadKind,
} from './grant.js'
export type {
  ArnPolicyInput,
  AwsManagedPolicyInput,
  ClusterInput,
  CustomerPolicyInput,
  DataSyncInput,
  DocumentPolicyInput,
  GrantInput,
  KustomizationInput,
  PolicyInput,
  ProviderInput,
  RoleInput,
  S3PolicyInput,
  ServiceAccountInput,
  TokenInput,
  TrustInput,
  WorkloadInput,
} from './grant-input.js'
export { type Hints, type Notice, type NoticeLevel, Plan, type PlanData, type PlanOptions, type RenderOptions, type Verb } from './plan.js'
export {
  type AlreadyDoneOutcome,
  type Call,
  type DoneOutcome,
  type FailedOutcome,
  type NotStartedOutcome,
  type Outcome,
  Receipt,
  type ReceiptData,
  type StepReceipt,
  type UnknownOutcome,
} from './receipt.js'
export { type Check, type CheckKind, Report, type ReportData, type Status } from './report.js'
export type { UrlLike } from './input.js'
export { type EventListener, Run } from './run.js'
export type { AbortSignalLike } from './signal.js'
export type {
  Action,
  Change,
  NewPolicy,
  NewRole,
  ServiceAccountApply,
  ServiceAccountRestore,
  Step,
  Target,
  WorkloadApply,
  WorkloadRef,
  WorkloadRestore,
} from './step.js'

/** The version of the package, and of the core in it. */
export const version: string = native.version()
