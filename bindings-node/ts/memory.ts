import { call } from './call.js'
import { dataOf, described, invalid, text } from './input.js'
import { checkMade, MADE } from './made.js'
import { native, type NativeMemory, type NativeStop } from './native.js'
import { OPERATIONS } from './operations.js'
import { nearest, seconds } from './options.js'
import { World, type WorldInput, worldText } from './world.js'
import { type ErrorKind, PodroleError } from './errors.js'

/** How often an edit is tried while the world goes on changing. */
const EDITS = 100

/** A call that the simulation received. */
export interface CallRecord {
  /** `iam:CreateRole`, `kubernetes:patch serviceaccounts`, `files:write`. */
  readonly operation: string
  /** What it was about (`role connections-role-test`). */
  readonly resource: string
  /** Whether it changes something. */
  readonly write: boolean
}

/** A failure to play at calls of an operation. */
export interface Fault {
  /** The operations it is played at: `iam:CreateRole`, or a beginning and a star (`iam:*`, `kubernetes:patch *`, `*`). */
  readonly operation: string
  /** At which of them, counted from 1 since the fault was scripted; left out, at each. */
  readonly nth?: number | undefined
  /** What happens. */
  readonly effect: FaultEffect
}

/**
 * What a {@link Fault} does. Nothing happens with `denied`, `throttled`, `server_error`, `network`, `invalid_principal` (the trust policy
 * names a principal that IAM does not know yet), `error` (a refusal of your choice) and `hang_before` (no answer, ever). The effect happens
 * with `garbled` (the answer cannot be read), `lost_answer` (the caller sees a timeout) and `hang_after`.
 */
export type FaultEffect =
  | {
      readonly type:
        | 'denied'
        | 'throttled'
        | 'server_error'
        | 'network'
        | 'garbled'
        | 'invalid_principal'
        | 'lost_answer'
        | 'hang_before'
        | 'hang_after'
    }
  | {
      readonly type: 'error'
      /** The kind that the error has. */
      readonly error: ErrorKind
      /** The service's code. */
      readonly code: string
      /** The service's message. */
      readonly message: string
    }

/** Which calls a {@link Stop} counts. */
export type CallFilter = 'all' | 'reads' | 'writes'

/** Whom the credentials stand for that `AssumeRoleWithWebIdentity` gave. */
export interface AssumedRole {
  /** `arn:aws:sts::204393242335:assumed-role/connections-role-test/podrole`. */
  readonly arn: string
  /** The role's unique id. */
  readonly roleUniqueId: string
  /** Position of the trust statement that let the token in, from 0. */
  readonly statement: number
}

/** A point at which the caller is made to die: from there on no call is answered and none has an effect, until {@link Memory.restart}. */
export class Stop {
  readonly #native: NativeStop

  private constructor(given: typeof MADE, stop: NativeStop) {
    checkMade(given, Stop, 'Stop', 'use `memory.stopBeforeCall()` or `memory.stopAfterCall()`')
    this.#native = stop
  }

  /** @internal */
  static of(stop: NativeStop): Stop {
    return new Stop(MADE, stop)
  }

  /** Whether the point was reached. */
  get isReached(): boolean {
    return this.#native.isReached()
  }

  /**
   * Waits until the point is reached. Then cancel the run that is to die twice, and call {@link Memory.restart}. Waiting for a point that no call
   * comes to does not keep the process alive.
   */
  async reached(): Promise<void> {
    if (!this.isReached) {
      await new Promise<void>((resolve) => this.#native.reached(resolve))
    }
  }
}

/**
 * A running simulation of AWS accounts and EKS clusters, as strict as they are: for examples, dry runs, and tests of your own tooling.
 *
 * ```ts
 * import { Client } from 'podrole'
 * import { Memory } from 'podrole/testing'
 *
 * const memory = new Memory() // the world of the worked example
 * memory.script({ operation: 'iam:CreateRole', effect: { type: 'denied' } })
 * const client = Client.inMemory(memory)
 * const grant = { cluster: 'devops_aurora', serviceAccount: 'devops-aurora-1/app', role: 'app' }
 * await client.apply(grant).catch((error) => console.log(error.kind, error.action))
 * console.log(memory.calls().filter((call) => call.write))
 * ```
 */
export class Memory {
  readonly #native: NativeMemory
  #editing = false

  /**
   * @param world - What there is at the beginning; default {@link World.seed}. What it leaves out is filled in.
   * @throws {@link PodroleError} of kind `invalid_input` for what is no world.
   */
  constructor(world: WorldInput = World.seed()) {
    this.#native = call(Memory as never, () => new native.Memory(worldText(world)))
  }

  /** @internal */
  static native(memory: unknown): NativeMemory | undefined {
    return typeof memory === 'object' && memory !== null && #native in memory ? memory.#native : undefined
  }

  /** The world as it is now: a copy. */
  world(): World {
    return JSON.parse(this.#native.world()) as World
  }

  /**
   * Changes the world as somebody else would, without a call. What the change leaves out is filled in, and workloads that it touches roll out.
   *
   * @param change - Changes the world that it gets, or gives another one. Should the world change meanwhile, it is called again, at most 100 times.
   * @throws {@link PodroleError} of kind `invalid_input` for what is no world then, and for an edit inside of `change`; of kind `conflict` when
   * the world changed each time; what `change` throws.
   */
  edit(change: (world: World) => WorldInput | void): void {
    call(this.edit, () => {
      if (typeof change !== 'function') {
        throw invalid(`change must be a function, this is ${described(change)}`)
      }
      if (this.#editing) {
        throw invalid('edit was called by the function that another edit of the same world calls', 'change the world that this function gets')
      }
    })
    this.#editing = true
    try {
      for (let time = 0; time < EDITS; time += 1) {
        const before = this.#native.world()
        const draft = JSON.parse(before) as World
        const after = change(draft) ?? draft
        if (call(this.edit, () => this.#native.replace(before, worldText(after)))) {
          return
        }
      }
    } finally {
      this.#editing = false
    }
    call(this.edit, () => {
      throw new PodroleError({
        kind: 'conflict',
        message: `the world changed each of the ${EDITS} times that it was to be edited`,
        remedy: 'edit it when no run is under way',
        retry: 'safe',
      })
    })
  }

  /** The calls received so far, in the order in which they arrived. */
  calls(): readonly CallRecord[] {
    return JSON.parse(this.#native.calls()) as CallRecord[]
  }

  /** Forgets the calls received so far. */
  clearCalls(): void {
    this.#native.clearCalls()
  }

  /** How many seconds each remote call takes from now on: the effect comes after half of it, the answer at its end. Default 0. */
  setLatency(latency: number): void {
    call(this.setLatency, () => this.#native.setLatency(seconds(latency, 'latency') ?? 0))
  }

  /**
   * How many seconds IAM takes from now on to show a new role to readers, to the validation of trust policies and to STS. Default 0. Writes to
   * the role work at once.
   */
  setLag(lag: number): void {
    call(this.setLag, () => this.#native.setLag(seconds(lag, 'lag') ?? 0))
  }

  /**
   * Adds a fault. Of several that cover a call, the one added first is played.
   *
   * @throws {@link PodroleError} of kind `invalid_input` for what is no fault, and for one that no call could meet.
   */
  script(fault: Fault): void {
    call(this.script, () => {
      const data = dataOf(fault, 'the fault') as { operation?: unknown; nth?: unknown }
      if (typeof data.operation === 'string') {
        check(data.operation)
      }
      if (typeof data.nth === 'number') {
        count(data.nth)
      }
      this.#native.script(JSON.stringify(data))
    })
  }

  /** Forgets all faults and stops. */
  clearFaults(): void {
    this.#native.clearFaults()
  }

  /**
   * Lets the caller die just before the n-th call from now (counted from 1) takes effect. From then on nothing is answered and nothing has an
   * effect, until {@link Memory.restart}.
   */
  stopBeforeCall(nth: number, filter: CallFilter = 'all'): Stop {
    return call(this.stopBeforeCall, () => Stop.of(this.#native.stopBeforeCall(count(nth), JSON.stringify(text(filter, 'filter')))))
  }

  /** Lets the caller die just after the n-th call from now (counted from 1) took effect, and before its answer. */
  stopAfterCall(nth: number, filter: CallFilter = 'all'): Stop {
    return call(this.stopAfterCall, () => Stop.of(this.#native.stopAfterCall(count(nth), JSON.stringify(text(filter, 'filter')))))
  }

  /** Takes calls again after a {@link Stop} was reached: those of a new run. */
  restart(): void {
    this.#native.restart()
  }

  /** Lets all workloads roll out, also those of clusters whose `autoRollout` is false. */
  rollOut(): void {
    this.#native.rollOut()
  }

  /**
   * From now on, who asks for the API server of the cluster `name` gets that of the cluster with this ARN: as a kubeconfig that points to the
   * wrong cluster does.
   */
  pointKubernetesAt(name: string, arn: string): void {
    call(this.pointKubernetesAt, () => this.#native.pointKubernetesAt(text(name, 'name'), text(arn, 'arn')))
  }

  /**
   * What a pod of a service account gets from `sts:AssumeRoleWithWebIdentity` with a token for `audience`.
   *
   * @param cluster - The cluster's ARN.
   * @param serviceAccount - The service account as `namespace/name`.
   * @param role - The role's ARN.
   * @throws {@link PodroleError} of kind `not_found` for a cluster or service account that is not in the world; of kind `permission_denied`,
   * as STS says it, where the token is not let in.
   */
  assumeRoleWithWebIdentity(
    cluster: string,
    serviceAccount: string,
    role: string,
    audience = 'sts.amazonaws.com',
  ): AssumedRole {
    return call(this.assumeRoleWithWebIdentity, () => {
      const [namespace = '', name = '', ...more] = text(serviceAccount, 'serviceAccount').split('/')
      if (namespace === '' || name === '' || more.length > 0) {
        throw invalid(`serviceAccount must be namespace/name, this is ${described(serviceAccount)}`)
      }
      const assumed = this.#native.assumeRoleWithWebIdentity(
        text(cluster, 'cluster'),
        namespace,
        name,
        text(audience, 'audience'),
        text(role, 'role'),
      )
      return JSON.parse(assumed) as AssumedRole
    })
  }
}

/** Refuses an operation that there is not: its fault would never be played. */
function check(operation: string): void {
  const matches = operation.endsWith('*')
    ? OPERATIONS.some((name) => name.startsWith(operation.slice(0, -1)))
    : OPERATIONS.includes(operation)
  if (!matches) {
    const near = nearest(operation, OPERATIONS)
    throw invalid(
      `operation: there is no call ${JSON.stringify(operation)}${near === undefined ? '' : `; did you mean \`${near}\`?`}`,
      'write it as `calls()` gives it, or a beginning of it and a star',
    )
  }
}

function count(nth: number): number {
  if (!Number.isInteger(nth) || nth < 1 || nth >= 2 ** 32) {
    throw invalid(`nth must be a whole number from 1, this is ${described(nth)}`)
  }
  return nth
}
