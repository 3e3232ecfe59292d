import { createRequire } from 'node:module'

import type { Asked } from './connection.js'
import { platform } from './platform.js'

/** Work that began with the call that gave it. */
export interface NativeWork {
  cancel(): void
  /** The events since the last call as a JSON array; null after the last. */
  events(): Promise<string | null>
  answer(): Promise<string>
}

/** A client. */
export interface NativeClient {
  plan(grant: string): NativeWork
  planRevoke(grant: string): NativeWork
  verify(grant: string): NativeWork
  apply(grant: string, settings: string): NativeWork
  applyPlan(plan: string, settings: string): NativeWork
  revoke(grant: string, settings: string, receipt?: string): NativeWork
}

/** A point at which the caller is made to die. */
export interface NativeStop {
  isReached(): boolean
  reached(): Promise<void>
}

/** A running simulation. */
export interface NativeMemory {
  world(): string
  replace(before: string, after: string): boolean
  calls(): string
  clearCalls(): void
  setLatency(seconds: number): void
  setLag(seconds: number): void
  script(fault: string): void
  clearFaults(): void
  stopBeforeCall(nth: number, filter: string): NativeStop
  stopAfterCall(nth: number, filter: string): NativeStop
  restart(): void
  rollOut(): void
  pointKubernetesAt(cluster: string, arn: string): void
  assumeRoleWithWebIdentity(
    cluster: string,
    namespace: string,
    serviceAccount: string,
    audience: string,
    role: string,
  ): string
}

interface Native {
  version(): string
  trustDocument(providerArn: string, serviceAccount: string): string
  serviceAccountYaml(serviceAccount: string, roleArn: string): string
  dataSyncStatement(roleArn: string, sourceAccount?: string, externalId?: string): string
  s3Policy(partition: string, buckets: readonly string[], access: string): string
  kustomizePatch(serviceAccount: string): string
  grantFromValue(value: string): string
  grantFromYaml(text: string): string
  grantFromJson(text: string): string
  grantsFromYaml(text: string): string
  grantsFromJson(text: string): string
  grantsFromFile(path: string): Promise<string>
  grantToYaml(grant: string): string
  planFromJson(text: string): string
  planText(plan: string, width: number | undefined, color: boolean): string
  receiptFromJson(text: string): string
  receiptText(receipt: string): string
  reportFromJson(text: string): string
  reportText(report: string): string
  reportIntoResult(report: string): void
  seedWorld(): string
  worldFromJson(text: string): string
  comparableWorld(world: string): string
  Memory: new (world: string) => NativeMemory
  Client: {
    connect(
      settings: string,
      credentials: Asked | undefined,
      accounts: string[],
      defaults: boolean,
      token: Asked | undefined,
    ): Promise<NativeClient>
    inMemory(memory: NativeMemory, settings: string): NativeClient
  }
}

const file = `../podrole.${platform()}.node`

/** The native half: private, since its shape follows the façade. */
export const native: Native = load()

function load(): Native {
  try {
    return createRequire(import.meta.url)(file) as Native
  } catch (cause) {
    throw new Error(`podrole has no working native module for ${platform()}`, { cause })
  }
}
