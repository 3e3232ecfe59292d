import { call } from './call.js'
import type { PolicyDocument } from './document.js'
import type { WorkloadKind } from './grant.js'
import { dataOf, text } from './input.js'
import { native } from './native.js'

/** Names and what they stand for. */
type Texts = Record<string, string>

/**
 * Everything that exists in the simulation, as plain data: what is missing here, {@link Memory} fills in.
 *
 * It may be changed in {@link Memory.edit}.
 */
export interface World {
  /** Version of this format. */
  schemaVersion: 1
  /** The account of the credentials that are used where none is named; left out, the first of `accounts`. */
  homeAccount?: string
  /** The region that is used where none is named; left out, the only region that has a cluster. */
  homeRegion?: string
  /** AWS accounts for which there are credentials, by their id. */
  accounts: Record<string, Account>
  /** EKS clusters by their ARN. */
  clusters: Record<string, WorldCluster>
  /** Text files by their path below the root. */
  files?: Texts
  /** AWS-managed policies besides those that podrole knows, as path and name, and the documents of those that are read. */
  awsManagedPolicies?: Record<string, PolicyDocument | null>
}

/** The IAM side of one AWS account. */
export interface Account {
  /** `aws`, `aws-cn`, …; default `aws`. */
  partition?: string
  /** ARN of whom the credentials stand for. */
  caller?: string
  /** The quotas in force, all five of them or none. */
  quotas?: Quotas
  /** Roles by name. */
  roles: Record<string, AccountRole>
  /** Customer-managed policies by name. */
  policies: Record<string, AccountPolicy>
  /** OIDC providers by the issuer's URL. */
  oidcProviders: Record<string, AccountProvider>
}

/** The quotas that podrole looks at. */
export interface Quotas {
  /** Non-whitespace characters of a trust policy. */
  trustPolicySize: number
  /** Managed policies on a role. */
  attachedPoliciesPerRole: number
  /** Non-whitespace characters of a managed policy. */
  managedPolicySize: number
  /** Non-whitespace characters of all inline policies of a role together. */
  inlinePoliciesSize: number
  /** Versions of a managed policy. */
  versionsPerPolicy: number
}

/** A role of an {@link Account}. */
export interface AccountRole {
  /** `AROA…`; made up where it is left out. */
  uniqueId?: string
  /** Its path; default `/`. */
  path?: string
  /** Its description. */
  description?: string
  /** Seconds, 3600–43200; default 3600. */
  maxSessionDuration?: number
  /** ARN of the managed policy that bounds it. */
  permissionsBoundary?: string
  /** The trust policy. */
  trust: PolicyDocument
  /** Its tags. */
  tags?: Texts
  /** ARNs of the managed policies on it. */
  attachedPolicies?: string[]
  /** Its inline policies by name. */
  inlinePolicies?: Record<string, PolicyDocument>
}

/** A customer-managed policy of an {@link Account}. */
export interface AccountPolicy {
  /** Its path; default `/`. */
  path?: string
  /** Its description. */
  description?: string
  /** Its documents by version (`v1`). */
  versions: Record<string, PolicyDocument>
  /** The version in force. */
  defaultVersion: string
  /** The number of the newest version there ever was. */
  lastVersion?: number
  /** Its tags. */
  tags?: Texts
}

/** An OIDC provider of an {@link Account}. */
export interface AccountProvider {
  /** The audiences it accepts. */
  clientIds?: string[]
  /** Its tags. */
  tags?: Texts
}

/** An EKS cluster and what its API server holds. */
export interface WorldCluster {
  /** `ACTIVE`, `CREATING`, …; default `ACTIVE`. */
  status?: string
  /** URL of the OIDC issuer. */
  issuer?: string
  /** URL of the API server; made up for an active cluster where it is left out. */
  endpoint?: string
  /** The API server's CA, PEM in base64; made up for an active cluster where it is left out. */
  certificateAuthority?: string
  /** Whether new pods are injected; default yes. */
  podIdentityWebhook?: boolean
  /** Whether changed workloads roll out at once (default), or at {@link Memory.rollOut}. */
  autoRollout?: boolean
  /** EKS Pod Identity associations. */
  podIdentityAssociations?: PodIdentityAssociation[]
  /** Namespaces by name. */
  namespaces: Record<string, WorldNamespace>
}

/** An EKS Pod Identity association of one service account. */
export interface PodIdentityAssociation {
  /** `a-…`. */
  id: string
  namespace: string
  serviceAccount: string
  /** The add-on that owns it, if one does. */
  ownerArn: string | null
}

/** A namespace of a {@link WorldCluster}. */
export interface WorldNamespace {
  /** Service accounts by name. */
  serviceAccounts: Record<string, WorldServiceAccount>
  /** Deployments by name. */
  deployments?: Record<string, WorldWorkload>
  /** StatefulSets by name. */
  statefulSets?: Record<string, WorldWorkload>
  /** DaemonSets by name. */
  daemonSets?: Record<string, WorldWorkload>
  /** Pods by name. */
  pods?: Record<string, WorldPod>
}

/** A service account. */
export interface WorldServiceAccount {
  /** The object's uid; made up where it is left out. */
  uid?: string
  annotations?: Texts
  labels?: Texts
  /** Who owns which fields. */
  owners?: FieldOwner[]
}

/** Who last set which fields of a Kubernetes object. */
export interface FieldOwner {
  /** The field manager's name. */
  manager: string
  /** Whether it owns them by server-side apply (otherwise by update or patch). */
  apply: boolean
  /** The fields, as paths such as `.metadata.annotations.eks.amazonaws.com/role-arn`. */
  fields: string[]
  /** When it last changed one, in seconds since 1970. */
  time: number | null
}

/** A Deployment, StatefulSet or DaemonSet. */
export interface WorldWorkload {
  /** The object's uid; made up where it is left out. */
  uid?: string
  annotations?: Texts
  /** Pods wanted; of a DaemonSet, the nodes there are. Default 1. */
  replicas?: number
  /** `spec.selector.matchLabels`; left out, `app: <name>`. */
  selector?: Texts
  /** Labels of the pod template; left out, those of the selector. */
  templateLabels?: Texts
  /** Annotations of the pod template. */
  templateAnnotations?: Texts
  /** `spec.template.spec.serviceAccountName`. */
  serviceAccount?: string
  /** Containers of the pod template; left out, one with the workload's name. */
  containers?: Container[]
  /** `spec.paused`; default no. */
  paused?: boolean
  /** Who owns which fields. */
  owners?: FieldOwner[]
  /** `metadata.generation`; default 1. */
  generation?: number
  /** `status.observedGeneration`; default 1. */
  observedGeneration?: number
  /** Why the rollout is stuck. */
  failure?: string
}

/** A container's name and the environment that its template or pod sets by value. */
export interface Container {
  name: string
  /** Environment variables: the value, or null when it comes from elsewhere (`valueFrom`). */
  env: Record<string, string | null>
  /** Where variables come from that are not named (`envFrom`): `secret name`, `configmap name`. */
  envFrom?: string[]
  /** The service-account tokens that are mounted into it: the path of each file, and the audience it is for. */
  tokens?: Texts
}

/** A pod. */
export interface WorldPod {
  /** The service account it runs as. */
  serviceAccount: string
  labels?: Texts
  annotations?: Texts
  /** Its containers, with what the webhook injected. */
  containers?: Container[]
  /** Seconds since 1970. */
  createdAt?: number
  /** Whether it is being deleted, or has ended; default no. */
  ending?: boolean
  /** Whether it is available; default yes. */
  available?: boolean
  /** The workload that made it. */
  owner?: { kind: WorkloadKind; name: string }
  /** Which template it was made from; left out, the owner's present one. */
  template?: string
}

/** A world as somebody writes it: every key may be left out. */
export type WorldInput = Partial<World>

/**
 * Makes and compares worlds.
 *
 * ```ts
 * import { Memory, World } from 'podrole/testing'
 *
 * const memory = new Memory(World.seed())
 * const before = memory.world()
 * memory.edit((world) => { world.files = { 'app/kustomization.yaml': 'resources: []\n' } })
 * console.log(JSON.stringify(World.comparable(before)) === JSON.stringify(World.comparable(memory.world()))) // false
 * ```
 */
export const World = {
  /** The world of the worked example: an account, the cluster `devops_aurora`, and a Deployment `connections-app`. */
  seed(): World {
    return JSON.parse(native.seedWorld()) as World
  },

  /**
   * The world without what differs between two ways to the same state: uids, unique ids, generations, times, pod names, policy version
   * numbers. Two worlds that are equal in this form hold the same.
   *
   * @throws {@link PodroleError} of kind `invalid_input` for what is no world.
   */
  comparable(world: WorldInput): World {
    return call(World.comparable, () => JSON.parse(native.comparableWorld(worldText(world))) as World)
  },

  /**
   * Reads a world that `JSON.stringify` wrote, and checks it.
   *
   * @throws {@link PodroleError} of kind `invalid_input` for what is no world.
   */
  fromJson(json: string | WorldInput): World {
    return call(World.fromJson, () => JSON.parse(native.worldFromJson(worldText(json))) as World)
  },
} as const

/** The JSON text of a world, or of what was written as one: an object needs no version. */
export function worldText(world: unknown): string {
  return typeof world === 'string' ? text(world, 'the world') : JSON.stringify({ schemaVersion: 1, ...dataOf(world, 'the world') })
}
