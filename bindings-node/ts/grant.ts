import { fileURLToPath } from 'node:url'

import { at, call, errorOf, siteOf } from './call.js'
import type { PolicyDocument } from './document.js'
import type { GrantInput } from './grant-input.js'
import { grantText, hrefOf, invalid, text, type UrlLike } from './input.js'
import { native } from './native.js'

/** How pods get the role's credentials. Later versions add Pod Identity. */
export type Mechanism = 'irsa'

/** Which half of a grant to work on: `iam` and `kubernetes` need no credentials for the other half. */
export type Scope = 'iam' | 'kubernetes' | 'both'

/**
 * How far podrole may go with a thing that may exist already: `observe` never writes it; `merge` creates it when absent, adds what the grant
 * needs and keeps everything else; `own` makes it what the grant says, also where others set it before.
 */
export type Manage = 'observe' | 'merge' | 'own'

/** Where a policy comes from. */
export type PolicySource = 'aws_managed' | 'customer' | 'arn' | 'document' | 's3'

/** What may be done with buckets. */
export type S3Access = 'read' | 'write' | 'read_write'

/** The kinds of workload that podrole points at a service account. */
export type WorkloadKind = 'deployment' | 'stateful_set' | 'daemon_set'

/** Which cluster. */
export interface Cluster {
  /** Its name. */
  readonly name: string
  /** Its region; default: the client's. */
  readonly region?: string
  /** Its account, 12 digits; default: the credentials'. */
  readonly account?: string
}

/** Which service account, and what else to set on it. */
export interface ServiceAccountGrant {
  /** Its namespace, which must exist. */
  readonly namespace: string
  /** Its name. */
  readonly name: string
  /** How far podrole may go. With `own`, fields are taken from other field managers. */
  readonly manage: Manage
  /** Labels to set. */
  readonly labels: Readonly<Record<string, string>>
}

/** Which role, and what it looks like. */
export interface RoleGrant {
  /** Its name, 1–64 characters. */
  readonly name: string
  /** Its ARN, when it was given by ARN. */
  readonly arn?: string
  /** How far podrole may go. */
  readonly manage: Manage
  /** Its path. */
  readonly path: string
  /** Its description, at most 1000 characters. */
  readonly description?: string
  /** Session length in seconds, 3600–43200. */
  readonly maxSessionDuration: number
  /** ARN of the managed policy that bounds it. */
  readonly permissionsBoundary?: string
  /** Tags, at most 50 with podrole's own. */
  readonly tags: Readonly<Record<string, string>>
}

/** What podrole may do with the IAM OIDC provider. */
export interface ProviderGrant {
  /** `merge` creates a missing provider and adds a missing audience; `observe` refuses instead; `own` is the same as `merge`. */
  readonly manage: Manage
}

/** Who may assume the role. */
export interface TrustGrant {
  /** The audience that tokens must carry. */
  readonly audience: string
  /** Further service accounts, as `namespace/name`. */
  readonly serviceAccounts: readonly string[]
  /** Further conditions: operator → key → values. */
  readonly conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}

/** Annotations for the pod-identity webhook. */
export interface TokenGrant {
  /** Life of the projected token in seconds, 600–86400; default: the webhook's, 86400. */
  readonly expiration?: number
  /** Whether SDKs call the regional STS endpoint; default: the cluster's setting. */
  readonly regionalEndpoints?: boolean
}

/** One policy of the role. */
export interface PolicyGrant {
  /** Where it comes from. */
  readonly source: PolicySource
  /** Its name; absent with `arn`. */
  readonly name?: string
  /** Its ARN. */
  readonly arn?: string
  /** Its path. */
  readonly path: string
  /** Whether a document becomes an inline policy of the role instead of a customer-managed policy. */
  readonly inline: boolean
  /** The document. */
  readonly document?: PolicyDocument
  /** The S3 preset. */
  readonly s3?: S3Grant
  /** `own` lets a document replace one that podrole did not write. */
  readonly manage: Manage
}

/** Least-privilege access to S3. */
export interface S3Grant {
  /** Buckets by name. */
  readonly buckets: readonly string[]
  /** Key prefixes that the access is limited to, the same in every bucket; empty for whole buckets. */
  readonly prefixes: readonly string[]
  /** What may be done. */
  readonly access: S3Access
}

/** One workload that runs as the service account. */
export interface WorkloadGrant {
  /** Its kind. */
  readonly kind: WorkloadKind
  /** Its name. */
  readonly name: string
  /** `observe` only checks; `own` takes the field from another field manager (Argo CD, Flux, Helm). */
  readonly manage: Manage
  /** Whether pods that are older than the annotation are replaced. */
  readonly restart: boolean
}

/** One workload that a kustomization points at the service account. */
export interface KustomizationGrant {
  /** Path of the `kustomization.yaml`, relative to the client's file root. */
  readonly path: string
  /** The workload's kind. */
  readonly kind: WorkloadKind
  /** The workload's name. */
  readonly name: string
}

/** Another role, of the same account, that lets the grant's role assume it. */
export interface DataSyncGrant {
  /** The other role's name or ARN; it must exist. */
  readonly role: string
  /** Account that S3 must be acting for (`aws:SourceAccount`). */
  readonly sourceAccount?: string
  /** External id that the grant's role must present (`sts:ExternalId`). */
  readonly externalId?: string
}

/**
 * What the caller wants, in its long form: pods that run as a service account on a cluster act as an IAM role.
 *
 * This is plain data, the same in every language. Everywhere a grant is taken, the short forms of {@link GrantInput} do as well.
 */
export interface Grant {
  /** Version of this format. */
  readonly schemaVersion: 1
  /** How pods get the role's credentials. */
  readonly mechanism: Mechanism
  /** Which half to work on. */
  readonly scope: Scope
  /** The cluster. */
  readonly cluster: Cluster
  /** The service account. */
  readonly serviceAccount: ServiceAccountGrant
  /** The role. */
  readonly role: RoleGrant
  /** The IAM OIDC provider of the cluster. */
  readonly provider: ProviderGrant
  /** Who may assume the role. */
  readonly trust: TrustGrant
  /** The token that pods present to STS. */
  readonly token: TokenGrant
  /** What the role may do. */
  readonly policies: readonly PolicyGrant[]
  /** Workloads that run as the service account, patched on the cluster. */
  readonly workloads: readonly WorkloadGrant[]
  /** Workloads that run as the service account, by an edit of a `kustomization.yaml`. */
  readonly kustomizations: readonly KustomizationGrant[]
  /** Other roles that let the role assume them. */
  readonly dataSyncs: readonly DataSyncGrant[]
}

/**
 * Reads and writes grants. Everything is checked as far as it can be without a call.
 *
 * ```ts
 * import { Grant } from 'podrole'
 *
 * const grant = Grant.fromYaml(`
 * cluster: devops_aurora
 * serviceAccount: devops-aurora-1/connections-serviceaccount-s3
 * role: connections-role-test
 * policies: [AmazonS3FullAccess]
 * `)
 * console.log(grant.serviceAccount.namespace, grant.policies[0]?.source)
 * ```
 */
export const Grant = {
  /**
   * The long form of a grant, with every default filled in.
   *
   * @throws {@link PodroleError} of kind `invalid_input` that names the property's path, and for an unknown one the nearest legal name.
   */
  from(input: GrantInput): Grant {
    return call(Grant.from, () => JSON.parse(native.grantFromValue(grantText(input))) as Grant)
  },

  /**
   * Reads the one grant of a YAML text, in short or long form.
   *
   * @throws {@link PodroleError} of kind `invalid_input` with line, column and path.
   */
  fromYaml(yaml: string): Grant {
    return call(Grant.fromYaml, () => JSON.parse(native.grantFromYaml(text(yaml, 'yaml'))) as Grant)
  },

  /** Reads every grant of a YAML text, one a document (`---` between them). Errors as {@link Grant.fromYaml}. */
  allFromYaml(yaml: string): Grant[] {
    return call(Grant.allFromYaml, () => JSON.parse(native.grantsFromYaml(text(yaml, 'yaml'))) as Grant[])
  },

  /** Reads the one grant of a JSON text, in short or long form. Errors as {@link Grant.fromYaml}. */
  fromJson(json: string): Grant {
    return call(Grant.fromJson, () => JSON.parse(native.grantFromJson(text(json, 'json'))) as Grant)
  },

  /** Reads the grant of a JSON object, or every grant of a JSON array of objects. Errors as {@link Grant.fromYaml}. */
  allFromJson(json: string): Grant[] {
    return call(Grant.allFromJson, () => JSON.parse(native.grantsFromJson(text(json, 'json'))) as Grant[])
  },

  /**
   * Reads every grant of a file: YAML from `.yaml` and `.yml`, JSON from `.json`.
   *
   * @param path - The path, or a `file:` URL (`new URL('grant.yaml', import.meta.url)`).
   *
   * @throws {@link PodroleError} as {@link Grant.fromYaml}, with the file as `resource`; of kind `not_found` for a file that does not exist.
   */
  async fromFile(path: string | UrlLike): Promise<Grant[]> {
    const site = siteOf(Grant.fromFile)
    try {
      return JSON.parse(await native.grantsFromFile(pathOf(path))) as Grant[]
    } catch (thrown) {
      throw at(site, errorOf(thrown))
    }
  },

  /** Writes a grant as YAML, which {@link Grant.fromYaml} reads back. Errors as {@link Grant.from}. */
  toYaml(grant: GrantInput): string {
    return call(Grant.toYaml, () => native.grantToYaml(native.grantFromValue(grantText(grant))))
  },
} as const

function pathOf(given: unknown): string {
  const href = text(hrefOf(given, 'path'), 'path')
  if (href === given) {
    return href
  }
  try {
    return fileURLToPath(href)
  } catch (cause) {
    throw invalid('path must be a path or the URL of a file', 'give a `file:` URL', cause)
  }
}
