import type { Cluster, WorkloadKind } from './grant.js'
import type { PolicyDocument } from './document.js'

/** A change and why it is made. */
export interface Step {
  /** Its number in the plan, from 1. */
  readonly id: number
  /** What is done, in words (`create role connections-role-test`). */
  readonly summary: string
  /** Why. */
  readonly why: string
  /** Where. */
  readonly target: Target
  /** The ids of the steps that must be done before. */
  readonly dependsOn: readonly number[]
  /** What changes, field by field, for people. */
  readonly changes: readonly Change[]
  /** What is done, for the machine. */
  readonly action: Action
}

/** Where a step works. */
export interface Target {
  /** The thing, in words (`role connections-role-test`). */
  readonly resource: string
  /** The AWS account, for steps on AWS. */
  readonly account?: string
  /** The cluster, for steps on Kubernetes. */
  readonly cluster?: Cluster
  /** Which credentials are used: the account that the grant named, if it named one. */
  readonly credentials?: string
}

/** One field before and after. */
export interface Change {
  /** The field, in the service's words. */
  readonly field: string
  /** What it reads like now; null when absent. */
  readonly before: string | null
  /** What it will read like; null when removed. */
  readonly after: string | null
}

/** Names and what they stand for. */
type Texts = Readonly<Record<string, string>>

/**
 * What a step does: `kind` tells which call, the rest are its arguments. Later versions add kinds: keep a default branch.
 */
export type Action =
  | { readonly kind: 'create_provider'; readonly arn: string; readonly url: string; readonly clientIds: readonly string[]; readonly tags: Texts }
  | { readonly kind: 'add_client_id'; readonly arn: string; readonly clientId: string }
  | { readonly kind: 'delete_provider'; readonly arn: string }
  | { readonly kind: 'create_policy'; readonly policy: NewPolicy }
  | {
      readonly kind: 'update_policy'
      readonly arn: string
      readonly before: PolicyDocument
      readonly after: PolicyDocument
      /** The version that is deleted to make room. */
      readonly prune: string | null
    }
  | { readonly kind: 'tag_policy'; readonly arn: string; readonly tags: Texts }
  | { readonly kind: 'untag_policy'; readonly arn: string; readonly keys: readonly string[] }
  | { readonly kind: 'delete_policy'; readonly arn: string; readonly versions: readonly string[] }
  | { readonly kind: 'create_role'; readonly role: NewRole }
  | { readonly kind: 'update_trust'; readonly role: string; readonly before: PolicyDocument; readonly after: PolicyDocument }
  | {
      readonly kind: 'update_role'
      readonly role: string
      readonly formerDescription: string | null
      readonly formerSessionDuration: number
      readonly description: string | null
      readonly maxSessionDuration: number
    }
  | { readonly kind: 'put_boundary'; readonly role: string; readonly before: string | null; readonly boundary: string }
  | { readonly kind: 'delete_boundary'; readonly role: string; readonly before: string | null }
  | { readonly kind: 'tag_role'; readonly role: string; readonly tags: Texts }
  | { readonly kind: 'untag_role'; readonly role: string; readonly keys: readonly string[] }
  | { readonly kind: 'delete_role'; readonly role: string; readonly trust: PolicyDocument }
  | { readonly kind: 'attach_policy'; readonly role: string; readonly policy: string }
  | { readonly kind: 'detach_policy'; readonly role: string; readonly policy: string }
  | {
      readonly kind: 'put_inline_policy'
      readonly role: string
      readonly name: string
      readonly before: PolicyDocument | null
      readonly after: PolicyDocument
    }
  | { readonly kind: 'delete_inline_policy'; readonly role: string; readonly name: string }
  | { readonly kind: 'apply_service_account'; readonly create: boolean; readonly apply: ServiceAccountApply }
  | { readonly kind: 'restore_service_account'; readonly restore: ServiceAccountRestore }
  | { readonly kind: 'delete_service_account'; readonly namespace: string; readonly name: string; readonly uid: string }
  | { readonly kind: 'apply_workload'; readonly apply: WorkloadApply }
  | { readonly kind: 'restore_workload'; readonly restore: WorkloadRestore }
  | { readonly kind: 'edit_file'; readonly path: string; readonly before: string; readonly after: string }

/** A customer-managed policy that is created. */
export interface NewPolicy {
  readonly arn: string
  readonly description: string | null
  readonly document: PolicyDocument
  readonly tags: Texts
}

/** A role that is created. */
export interface NewRole {
  readonly name: string
  readonly path: string
  readonly description: string | null
  /** Seconds, 3600–43200. */
  readonly maxSessionDuration: number
  /** ARN of the managed policy that bounds it. */
  readonly permissionsBoundary: string | null
  readonly trust: PolicyDocument
  readonly tags: Texts
}

/** What is set on a service account. */
export interface ServiceAccountApply {
  /** The field manager to own it under. */
  readonly manager: string
  readonly namespace: string
  readonly name: string
  /** The uid it must have; null lets it be created. */
  readonly uid: string | null
  readonly annotations: Texts
  readonly labels: Texts
  /** Whether fields are taken over from other field managers. */
  readonly force: boolean
}

/** What the undo puts back on a service account: values that were taken over from other field managers. */
export interface ServiceAccountRestore {
  /** The field manager that took them over. */
  readonly manager: string
  readonly namespace: string
  readonly name: string
  /** The uid it must have. */
  readonly uid: string
  readonly annotations: Texts
  readonly labels: Texts
}

/** Which workload. */
export interface WorkloadRef {
  readonly kind: WorkloadKind
  readonly namespace: string
  readonly name: string
}

/** What is set on a workload. */
export interface WorkloadApply {
  /** The field manager to own it under. */
  readonly manager: string
  readonly workload: WorkloadRef
  /** The uid it must have. */
  readonly uid: string
  /** The service account; with null, one that was set before is removed, and one of others stays. */
  readonly serviceAccount: string | null
  readonly annotations: Texts
  /** Annotations of the pod template. */
  readonly templateAnnotations: Texts
  /** Whether fields are taken over from other field managers. */
  readonly force: boolean
}

/** What the undo puts back on a workload. */
export interface WorkloadRestore {
  /** The field manager that changed it. */
  readonly manager: string
  readonly workload: WorkloadRef
  /** The uid it must have. */
  readonly uid: string
  /** The service account; empty removes it, null leaves it alone. */
  readonly serviceAccount: string | null
  readonly removeAnnotations: readonly string[]
  readonly removeTemplateAnnotations: readonly string[]
}
