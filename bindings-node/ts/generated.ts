// Generated from bindings-node/src by generate-types.mjs: do not edit.

import type { Asked, Tell } from './asked.js'

/** A client. Cheap to drop; work that began goes on. */
export interface Client {
  /** Plans a grant. */
  plan(value: string): Work
  /** Plans the revocation of a grant. */
  planRevoke(value: string): Work
  /** Verifies a grant. */
  verify(value: string): Work
  /** Plans and applies a grant. */
  apply(value: string, settings: string): Work
  /** Applies a plan. */
  applyPlan(plan: string, settings: string): Work
  /** Revokes a grant. */
  revoke(value: string, settings: string, receipt?: string | undefined | null): Work
}

/** A running simulation. */
export interface Memory {
  /** The world as it is now. */
  world(): string
  /** Replaces the world, if it is still as it was written. */
  replace(before: string, after: string): boolean
  /** The calls so far. */
  calls(): string
  /** Forgets them. */
  clearCalls(): void
  /** How many seconds each remote call takes. */
  setLatency(latency: number): void
  /** How many seconds IAM takes to show a new role. */
  setLag(lag: number): void
  /** Adds a fault. */
  script(fault: string): void
  /** Forgets faults and stops. */
  clearFaults(): void
  /** Lets the caller die before the n-th call takes effect. */
  stopBeforeCall(nth: number, filter: string): Stop
  /** Lets the caller die after the n-th call took effect. */
  stopAfterCall(nth: number, filter: string): Stop
  /** Takes calls again after a stop. */
  restart(): void
  /** Lets all workloads roll out. */
  rollOut(): void
  /** Leads the Kubernetes connection of a cluster to another one. */
  pointKubernetesAt(cluster: string, arn: string): void
  /** What a pod gets from STS, as JSON text. */
  assumeRoleWithWebIdentity(cluster: string, namespace: string, serviceAccount: string, audience: string, role: string): string
}

/** A point at which the caller is made to die. */
export interface Stop {
  /** Whether it was reached. */
  isReached(): boolean
  /** Calls `tell` when it is reached. Until then, nothing keeps the process alive. */
  reached(tell: Tell): void
}

/**
 * Work that can be stopped. A run begins with the call that gives it, and letting go of it does not stop it; reading begins with
 * [`Work::answer`], which saves a way between threads.
 */
export interface Work {
  /** Stops it: gently the first time, at once the second time. */
  cancel(): void
  /** The events since the last call, at least one, as a JSON array; null after the last. */
  events(): Promise<string | undefined | null>
  /** What it comes to, as JSON text. It can be asked for once. */
  answer(): Promise<string>
}

/** What the native module exports. */
export interface Native {
  /** A trust policy as JSON text. */
  trustDocument(providerArn: string, serviceAccount: string): string
  /** A service account's manifest as YAML. */
  serviceAccountYaml(serviceAccount: string, roleArn: string): string
  /** The trust policy of a data-sync role as JSON text. */
  dataSyncStatement(roleArn: string, sourceAccount?: string | undefined | null, externalId?: string | undefined | null): string
  /** A policy for S3 buckets as JSON text; `access` is JSON text too. */
  s3Policy(partition: string, buckets: Array<string>, access: string): string
  /** A JSON6902 patch as YAML. */
  kustomizePatch(serviceAccount: string): string
  /** The world of the worked example. */
  seedWorld(): string
  /** Checks the JSON text of a world. */
  worldFromJson(text: string): string
  /** A world without what differs between two ways to the same state. */
  comparableWorld(world: string): string
  /** The long form of a grant that a program made. */
  grantFromValue(value: string): string
  /** The grants of a YAML text. */
  grantsFromYaml(text: string): string
  /** The grants of a JSON text. */
  grantsFromJson(text: string): string
  /** The one grant of a YAML text. */
  grantFromYaml(text: string): string
  /** The one grant of a JSON text. */
  grantFromJson(text: string): string
  /** The grants of a file. */
  grantsFromFile(path: string): Promise<string>
  /** A grant as YAML. */
  grantToYaml(grant: string): string
  /** Checks the JSON text of a plan, and writes it in full. */
  planFromJson(text: string): string
  /** A plan for people. */
  planText(plan: string, width: number | undefined | null, color: boolean): string
  /** Checks the JSON text of a receipt, and writes it in full. */
  receiptFromJson(text: string): string
  /** A receipt for people. */
  receiptText(receipt: string): string
  /** Checks the JSON text of a report, and writes it in full. */
  reportFromJson(text: string): string
  /** A report for people. */
  reportText(report: string): string
  /** Fails as `verify` would have it when a check of the report failed. */
  reportIntoResult(report: string): void
  /** The version of the core. */
  version(): string
  /** The environment of the process, which `process.env` need not be: as a JSON object. */
  environment(): string
  Client: {
    /** A client of real services: see [`connect`](crate::connect::connect). */
    connect(settings: string, credentials: Asked | undefined | null, accounts: Array<string>, defaults: boolean, token?: Asked | undefined | null): Promise<Client>
    /** A client of a world in memory. */
    inMemory(memory: Memory, settings: string): Client
  }
  Memory: {
    /** Starts from a world. */
    new (world: string): Memory
  }
}
