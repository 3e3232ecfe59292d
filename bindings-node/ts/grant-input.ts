import type { PolicyDocument } from './document.js'
import type { Manage, Mechanism, PolicyGrant, S3Access, Scope, WorkloadGrant, WorkloadKind } from './grant.js'

/** What may be left out, or given as `undefined`. */
type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined }

/**
 * A grant as somebody writes it: only `cluster`, `serviceAccount` and `role` are needed, and every part may be short. The long form,
 * {@link Grant}, is one too.
 *
 * ```ts
 * import type { GrantInput } from 'podrole'
 *
 * const grant: GrantInput = {
 *   cluster: 'devops_aurora',
 *   serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
 *   role: { name: 'connections-role-test', maxSessionDuration: 7200 },
 *   policies: ['AmazonS3ReadOnlyAccess', { name: 'uploads', s3: { buckets: ['my-uploads'], access: 'write' } }],
 *   deployments: ['connections-app'],
 * }
 * ```
 */
export interface GrantInput {
  /** The EKS cluster: its name (underscores are legal), its ARN, or an object. */
  readonly cluster: string | ClusterInput
  /** The service account, as `namespace/name` or as an object. */
  readonly serviceAccount: string | ServiceAccountInput
  /** The IAM role: its name, its ARN, or an object. */
  readonly role: string | RoleInput
  /** What the role may do: AWS-managed policies by name, any policy by ARN, documents, or the S3 preset. Default nothing. */
  readonly policies?: readonly PolicyInput[] | undefined
  /** Deployments that run as the service account, in its namespace. Default none. */
  readonly deployments?: readonly (string | WorkloadInput)[] | undefined
  /** StatefulSets that run as the service account, in its namespace. Default none. */
  readonly statefulSets?: readonly (string | WorkloadInput)[] | undefined
  /** DaemonSets that run as the service account, in its namespace. Default none. */
  readonly daemonSets?: readonly (string | WorkloadInput)[] | undefined
  /** Workloads of any kind, in their long form. Default none. */
  readonly workloads?: readonly (Pick<WorkloadGrant, 'kind' | 'name'> & Optional<WorkloadGrant>)[] | undefined
  /** Workloads that are pointed at the service account by an edit of a `kustomization.yaml`. Default none. */
  readonly kustomizations?: readonly KustomizationInput[] | undefined
  /** Other roles, of the same account, that let the role assume them: name, ARN, or an object. Default none. */
  readonly dataSyncs?: readonly (string | DataSyncInput)[] | undefined
  /** The IAM OIDC provider of the cluster. */
  readonly provider?: ProviderInput | undefined
  /** Who else may assume the role, and under which conditions. */
  readonly trust?: TrustInput | undefined
  /** The token that pods present to STS. */
  readonly token?: TokenInput | undefined
  /** Which half to work on; default `both`. */
  readonly scope?: Scope | undefined
  /** How pods get the role's credentials; default `irsa`. */
  readonly mechanism?: Mechanism | undefined
  /** Version of this format, 1. */
  readonly schemaVersion?: 1 | undefined
}

/** Which cluster. */
export interface ClusterInput {
  /** Its name. */
  readonly name: string
  /** Its region; default: the client's. */
  readonly region?: string | undefined
  /** Its account, 12 digits; default: the credentials'. */
  readonly account?: string | undefined
}

/** Which service account, and what else to set on it. */
export interface ServiceAccountInput {
  /** Its namespace, which must exist. */
  readonly namespace: string
  /** Its name. */
  readonly name: string
  /** How far podrole may go; default `merge`. With `own`, fields are taken from other field managers. */
  readonly manage?: Manage | undefined
  /** Labels to set; default none. */
  readonly labels?: Readonly<Record<string, string>> | undefined
}

/**
 * Which role, by `name` or by `arn`, and what it looks like. On a role that podrole did not create, path, description, session duration,
 * boundary and tags are only set with `manage: 'own'`.
 */
export interface RoleInput {
  /** Its name, 1–64 characters; or give `arn`. */
  readonly name?: string | undefined
  /** Its ARN; its account may differ from the cluster's. */
  readonly arn?: string | undefined
  /** How far podrole may go; default `merge`. */
  readonly manage?: Manage | undefined
  /** Its path; default `/`, or what the ARN says. */
  readonly path?: string | undefined
  /** Its description, at most 1000 characters. */
  readonly description?: string | undefined
  /** Session length in seconds, 3600–43200; default 3600. */
  readonly maxSessionDuration?: number | undefined
  /** ARN of the managed policy that bounds it. */
  readonly permissionsBoundary?: string | undefined
  /** Tags, at most 50 with podrole's own. */
  readonly tags?: Readonly<Record<string, string>> | undefined
}

/** The IAM OIDC provider of the cluster. */
export interface ProviderInput {
  /** `merge` (default) creates a missing provider and adds a missing audience; `observe` refuses instead. */
  readonly manage?: Manage | undefined
}

/** Who may assume the role. */
export interface TrustInput {
  /** The audience that tokens must carry; default `sts.amazonaws.com`, the same in every partition. */
  readonly audience?: string | undefined
  /** Further service accounts, as `namespace/name`; a `*` in one trusts every match, and is never implied. */
  readonly serviceAccounts?: readonly string[] | undefined
  /** Further conditions: operator → key → one value or a list of them. */
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>> | undefined
}

/** The token that pods present to STS. */
export interface TokenInput {
  /** Life of the projected token in seconds, 600–86400; default: the webhook's, 86400. */
  readonly expiration?: number | undefined
  /** Whether SDKs call the regional STS endpoint; default: the cluster's setting. */
  readonly regionalEndpoints?: boolean | undefined
}

/** One policy of the role: an AWS-managed one by its bare name, any by its ARN, or an object. */
export type PolicyInput =
  | string
  | AwsManagedPolicyInput
  | CustomerPolicyInput
  | ArnPolicyInput
  | DocumentPolicyInput
  | S3PolicyInput
  | (Pick<PolicyGrant, 'source'> & Optional<PolicyGrant>)

/** An AWS-managed policy. */
export interface AwsManagedPolicyInput {
  /** Its name; its path is looked up. */
  readonly awsManaged: string
}

/** A customer-managed policy of the role's account that exists. */
export interface CustomerPolicyInput {
  /** Its name. */
  readonly customer: string
  /** Its path; default `/`. */
  readonly path?: string | undefined
}

/** A managed policy that exists. */
export interface ArnPolicyInput {
  /** Its ARN. */
  readonly arn: string
}

/** A policy that is made from a document. */
export interface DocumentPolicyInput {
  /** Its name. */
  readonly name: string
  /** The document, as an object or as JSON text. */
  readonly document: PolicyDocument | string
  /** Whether it becomes an inline policy of the role instead of a customer-managed policy; default no. */
  readonly inline?: boolean | undefined
  /** Path of a customer-managed policy; default `/`. */
  readonly path?: string | undefined
  /** `own` lets the document replace one that podrole did not write; default `merge`. */
  readonly manage?: Manage | undefined
}

/** A policy with least-privilege access to S3 buckets. */
export interface S3PolicyInput {
  /** Its name. */
  readonly name: string
  /** Which buckets, and what may be done. */
  readonly s3: {
    /** Buckets by name. */
    readonly buckets: readonly string[]
    /** Key prefixes that the access is limited to, the same in every bucket; default: whole buckets. */
    readonly prefixes?: readonly string[] | undefined
    /** What may be done. */
    readonly access: S3Access
  }
  /** Whether it becomes an inline policy of the role instead of a customer-managed policy; default yes. */
  readonly inline?: boolean | undefined
  /** Path of a customer-managed policy; default `/`. */
  readonly path?: string | undefined
  /** `own` lets it replace a policy that podrole did not write; default `merge`. */
  readonly manage?: Manage | undefined
}

/** A workload whose kind is known from the list that it stands in. */
export interface WorkloadInput {
  /** Its name. */
  readonly name: string
  /** `observe` only checks; `own` takes the field from another field manager (Argo CD, Flux, Helm); default `merge`. */
  readonly manage?: Manage | undefined
  /** Whether pods that are older than the annotation are replaced; default yes. */
  readonly restart?: boolean | undefined
}

/** A workload that a kustomization points at the service account. Give exactly one workload. */
export type KustomizationInput = {
  /** Path of the `kustomization.yaml`, relative to the client's file root. */
  readonly path: string
} & (
  | { readonly deployment: string }
  | { readonly statefulSet: string }
  | { readonly daemonSet: string }
  | { readonly kind: WorkloadKind; readonly name: string }
)

/** Another role that lets the grant's role assume it. */
export interface DataSyncInput {
  /** The other role's name or ARN; it must exist. */
  readonly role: string
  /** Account that S3 must be acting for (`aws:SourceAccount`). */
  readonly sourceAccount?: string | undefined
  /** External id that the grant's role must present (`sts:ExternalId`). */
  readonly externalId?: string | undefined
}
