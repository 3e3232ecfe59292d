import { type Asked, Functions } from './asked.js'
import { checkEnvironment } from './environment.js'
import { PodroleError } from './errors.js'
import { hrefOf, invalid, jsonOf, kindOf, own, read, readable, text, type UrlLike } from './input.js'
import { callable, flag, nearest, options, seconds } from './options.js'
import type { EventListener } from './run.js'

/** Credentials of AWS, as the AWS SDK for JavaScript v3 has them. */
export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
  /** When they end; without it, they are kept while the client is. */
  readonly expiration?: Date | undefined
}

/**
 * A function that gives credentials: every credential provider of the AWS SDK for JavaScript v3 is one. It is called at the first call that
 * needs credentials, and again five minutes before those that it gave end. The call that waits for it takes at most `awsTimeout`.
 */
export type AwsCredentialsProvider = () => AwsCredentials | Promise<AwsCredentials>

/** The cluster that a token is asked for. */
export interface TokenRequest {
  /** Its name. */
  readonly name: string
  /** Its ARN. */
  readonly arn: string
  /** URL of its API server. */
  readonly endpoint: string | null
}

/** A token for the API server, or one with its end. Without it, the token is used for 12 minutes. */
export type BearerToken = string | { readonly token: string; readonly expiration?: Date | undefined }

/**
 * A function that gives tokens for API servers. It is called again before the token that it gave ends, and when the server refuses it. It
 * has `kubernetesTimeout` to answer.
 */
export type TokenProvider = (cluster: TokenRequest) => BearerToken | Promise<BearerToken>

/** What a `KubeConfig` of `@kubernetes/client-node` has, as far as it is used. */
export interface KubeConfigLike {
  /** The kubeconfig as YAML or JSON. */
  exportConfig(): string
}

/** Which kubeconfig. */
export interface KubeconfigInput {
  /** The file; default `KUBECONFIG`, else `~/.kube/config`. */
  readonly path?: string | undefined
  /** The context; default the current one. */
  readonly context?: string | undefined
}

/**
 * Options of {@link Client.connect}. What is not set comes from the environment, as in the tools of both ecosystems: `AWS_PROFILE`,
 * `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` and the other sources of AWS credentials.
 */
export interface ConnectOptions {
  /**
   * Who runs podrole: marks and trust statements are theirs, and two owners do not touch each other's things. 1–128 letters, digits and any of
   * `_.:/=+-@`; default `podrole`.
   */
  readonly owner?: string | undefined
  /** How many seconds IAM may take until every part of it knows what was just created; default 60. */
  readonly propagation?: number | undefined
  /** Receives the events of every run. */
  readonly onEvent?: EventListener | undefined
  /** The folder that paths of kustomizations are relative to, and that no path leads out of; default the working directory. */
  readonly fileRoot?: string | undefined
  /** The region of clusters whose grant names none; default `AWS_REGION` or the profile's. */
  readonly region?: string | undefined
  /** The profile of the shared AWS configuration; default `AWS_PROFILE`. */
  readonly profile?: string | undefined
  /** Where AWS calls go instead of AWS (an emulator, a proxy); default `AWS_ENDPOINT_URL`. */
  readonly endpointUrl?: string | UrlLike | undefined
  /** The default credentials, or a function that gives them; default the usual chain. */
  readonly credentials?: AwsCredentials | AwsCredentialsProvider | undefined
  /** The credentials of single accounts, by account id. */
  readonly accountCredentials?: Readonly<Record<string, AwsCredentials | AwsCredentialsProvider>> | undefined
  /** How many seconds one AWS call may take, retries included; default 30. */
  readonly awsTimeout?: number | undefined
  /** How often an AWS call is tried; default 5. */
  readonly awsAttempts?: number | undefined
  /**
   * Reaches API servers by a kubeconfig instead of by EKS's endpoint and a token minted in-process: `true` for that of the environment, a path,
   * path and context, or a `KubeConfig` of `@kubernetes/client-node` (taken as it is now).
   */
  readonly kubeconfig?: boolean | string | KubeconfigInput | KubeConfigLike | undefined
  /** Reaches the API server by the service account of the pod that this runs in; default no. */
  readonly inCluster?: boolean | undefined
  /** Reaches API servers by EKS's endpoint, with tokens of this function instead of those that are minted in-process. */
  readonly token?: TokenProvider | undefined
  /** Goes on even where the API server is not the one that EKS tells: for tunnels. Nothing then keeps a change from the wrong cluster. */
  readonly allowAnyEndpoint?: boolean | undefined
  /** How many seconds one Kubernetes call may take, retries included; default 30. */
  readonly kubernetesTimeout?: number | undefined
}

const LEGAL = [
  'owner',
  'propagation',
  'onEvent',
  'fileRoot',
  'region',
  'profile',
  'endpointUrl',
  'credentials',
  'accountCredentials',
  'awsTimeout',
  'awsAttempts',
  'kubeconfig',
  'inCluster',
  'token',
  'allowAnyEndpoint',
  'kubernetesTimeout',
] as const

/** Everything that a connection is made from. */
export interface Connection {
  /** What can be said as data. */
  readonly settings: string
  readonly onEvent: EventListener | undefined
  /** Asked for the credentials of an account, or with empty text for the default ones. */
  readonly credentials: Asked | undefined
  /** The accounts with credentials of their own. */
  readonly accounts: string[]
  /** Whether there are default credentials. */
  readonly defaults: boolean
  readonly token: Asked | undefined
  readonly functions: Functions
  /** Throws when the environment that this thread sees is not the one that is used. */
  readonly checkEnvironment: () => void
}

/** Checks the options of {@link Client.connect}, and takes functions and data apart. */
export function connectionOf(given: unknown): Connection {
  return readable('options', () => connection(given))
}

function connection(given: unknown): Connection {
  const taken = options<ConnectOptions>(given, LEGAL)
  const config = kubeconfig(taken.kubeconfig)
  const fromEnvironment = config === true || (typeof config === 'object' && config.path === undefined && config.text === undefined)
  const also = [
    ...(fromEnvironment ? ['KUBECONFIG'] : []),
    ...(taken.inCluster === true ? ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'] : []),
  ]
  const functions = new Functions()
  const byAccount = accounts(taken.accountCredentials)
  const fallback = provider(taken.credentials, 'options.credentials')
  const token = callable<TokenProvider>(taken.token, 'options.token')
  if (token !== undefined && (config !== undefined || taken.inCluster === true)) {
    throw invalid('options.token excludes `kubeconfig` and `inCluster`', 'remove one of the two')
  }
  return {
    settings: jsonOf(
      {
        owner: taken.owner,
        propagation: seconds(taken.propagation, 'options.propagation'),
        fileRoot: taken.fileRoot,
        region: taken.region,
        profile: taken.profile,
        endpointUrl: hrefOf(taken.endpointUrl, 'options.endpointUrl'),
        awsTimeout: seconds(taken.awsTimeout, 'options.awsTimeout'),
        awsAttempts: taken.awsAttempts,
        kubeconfig: config,
        inCluster: flag(taken.inCluster, 'options.inCluster'),
        allowAnyEndpoint: flag(taken.allowAnyEndpoint, 'options.allowAnyEndpoint'),
        kubernetesTimeout: seconds(taken.kubernetesTimeout, 'options.kubernetesTimeout'),
      },
      'options',
    ),
    onEvent: callable<EventListener>(taken.onEvent, 'options.onEvent'),
    credentials:
      fallback === undefined && byAccount.size === 0
        ? undefined
        : functions.asked(
            (account) => (account === '' ? 'credentials' : `accountCredentials["${account}"]`),
            async (account, name) => credentialsOf(await (byAccount.get(account) ?? fallback)?.(), name),
          ),
    accounts: [...byAccount.keys()],
    defaults: fallback !== undefined,
    token:
      token &&
      functions.asked(
        () => 'token',
        async (cluster) => tokenOf(await token(JSON.parse(cluster) as TokenRequest)),
      ),
    functions,
    checkEnvironment: () => checkEnvironment(taken, also),
  }
}

function provider(value: unknown, path: string): AwsCredentialsProvider | undefined {
  if (value === undefined) {
    return undefined
  }
  if (typeof value === 'function') {
    return value as AwsCredentialsProvider
  }
  const fixed = credentialsOf(value, path)
  return () => ({ ...fixed, expiration: fixed.expiration === undefined ? undefined : new Date(fixed.expiration * 1000) })
}

function accounts(value: unknown): Map<string, AwsCredentialsProvider> {
  const found = new Map<string, AwsCredentialsProvider>()
  if (value === undefined) {
    return found
  }
  const path = 'options.accountCredentials'
  if (readable(path, () => Object.prototype.toString.call(value)) !== '[object Object]') {
    throw invalid(`${path} must be an object, this is ${kindOf(value)}`)
  }
  readable(path, () => own(value as object, path))
  for (const account of readable(path, () => Object.keys(value as object))) {
    const place = `${path}["${account}"]`
    const one = provider(read(value as object, account, place), place)
    if (one !== undefined) {
      found.set(account, one)
    }
  }
  return found
}

const CREDENTIALS = ['accessKeyId', 'secretAccessKey', 'sessionToken', 'expiration']

/** Credentials as the native half reads them. What is wrong is named, and never shown. */
function credentialsOf(value: unknown, name: string) {
  if (typeof value !== 'object' || value === null) {
    throw invalid(`${name} must be credentials or a function that gives them, this is ${kindOf(value)}`)
  }
  const given: Readonly<Record<string, unknown>> = Object.fromEntries(
    CREDENTIALS.map((key) => [key, read(value, key, `${name}.${key}`)]),
  )
  // Providers may give more than is used; what is nearly the name of something that is missing is a typo.
  for (const key of readable(name, () => Object.keys(value))) {
    const near = nearest(key, CREDENTIALS)
    if (near !== undefined && near !== key && given[near] === undefined) {
      throw invalid(`${name}.${key}: unknown; did you mean \`${near}\`?`)
    }
  }
  const secret = (given: unknown, key: string) => {
    if (typeof given !== 'string' || given === '') {
      throw invalid(`${name}.${key} must be a string that is not empty, this is ${kindOf(given)}`)
    }
    if (/\p{Cc}/u.test(given)) {
      throw invalid(`${name}.${key} holds a line break or another control character`, 'trim it')
    }
    return given
  }
  return {
    accessKeyId: secret(given['accessKeyId'], 'accessKeyId'),
    secretAccessKey: secret(given['secretAccessKey'], 'secretAccessKey'),
    sessionToken: given['sessionToken'] === undefined ? undefined : secret(given['sessionToken'], 'sessionToken'),
    expiration: endOf(given['expiration'], `${name}.expiration`),
  }
}

function tokenOf(value: unknown) {
  const given = typeof value === 'string' ? { token: value } : (value as { token?: unknown; expiration?: unknown } | null)
  if (typeof given?.token !== 'string' || given.token === '') {
    throw invalid(`token must give a string that is not empty, this is ${kindOf(given?.token)}`)
  }
  return { token: given.token, expiration: endOf(given.expiration, 'token.expiration') }
}

/** Seconds since 1970. */
function endOf(value: unknown, path: string): number | undefined {
  if (value === undefined || value === null) {
    return undefined
  }
  const time = Object.prototype.toString.call(value) === '[object Date]' ? (value as Date).getTime() : Number.NaN
  if (Number.isNaN(time)) {
    throw invalid(`${path} must be a valid Date, this is ${kindOf(value)}`)
  }
  return time / 1000
}

function kubeconfig(value: unknown): boolean | string | { path?: unknown; context?: unknown; text?: string } | undefined {
  if (value === undefined || typeof value === 'boolean' || typeof value === 'string') {
    return value === false ? undefined : value
  }
  const exportConfig = value === null ? undefined : read(value as object, 'exportConfig', 'options.kubeconfig.exportConfig')
  if (typeof exportConfig !== 'function') {
    const given = options<KubeconfigInput>(value, ['path', 'context'], 'options.kubeconfig')
    return { path: given.path, context: given.context }
  }
  try {
    return { text: withTokenFiles(text(exportConfig.call(value), 'options.kubeconfig.exportConfig()')) }
  } catch (cause) {
    if (cause instanceof PodroleError) {
      throw cause
    }
    throw invalid('options.kubeconfig: its exportConfig fails', 'give a KubeConfig of @kubernetes/client-node', cause)
  }
}

/** client-node writes a token file (in a cluster) as an auth provider of its own making, which no other tool knows. */
function withTokenFiles(config: string): string {
  if (!config.startsWith('{')) {
    return config
  }
  const parsed = JSON.parse(config) as { users?: { user?: Record<string, unknown> }[] }
  for (const { user } of parsed.users ?? []) {
    const auth = user?.['auth-provider'] as { name?: unknown; config?: { tokenFile?: unknown } } | null | undefined
    if (user !== undefined && auth?.name === 'tokenFile') {
      delete user['auth-provider']
      user['tokenFile'] = auth.config?.tokenFile
    }
  }
  return JSON.stringify(parsed)
}
