import type { Outcome } from './receipt.js'

/**
 * What a run tells while it works. Later versions add kinds: keep a default branch.
 *
 * ```ts
 * import type { Event } from 'podrole'
 *
 * function line(event: Event): string {
 *   switch (event.kind) {
 *     case 'step_started':
 *       return `${event.step}: ${event.summary}`
 *     case 'step_finished':
 *       return `${event.step}: ${event.outcome.kind} in ${event.durationMs} ms`
 *     case 'waiting':
 *       return `waiting for ${event.reason}`
 *     default:
 *       return event.kind
 *   }
 * }
 * console.log(line({ kind: 'waiting', step: 0, reason: 'the rollout' }))
 * ```
 */
export type Event = StartedEvent | StepStartedEvent | WaitingEvent | StepFinishedEvent | CancellingEvent | FinishedEvent

/** The run begins: always the first event. */
export interface StartedEvent {
  readonly kind: 'started'
  /** How many steps there are. */
  readonly steps: number
}

/** A step begins. */
export interface StepStartedEvent {
  readonly kind: 'step_started'
  /** Its id. */
  readonly step: number
  /** What it changes, in words. */
  readonly summary: string
}

/** A step waits for something outside to become effective. */
export interface WaitingEvent {
  readonly kind: 'waiting'
  /** Its id; 0 for the wait after all steps. */
  readonly step: number
  /** For what. */
  readonly reason: string
}

/** A step ended. */
export interface StepFinishedEvent {
  readonly kind: 'step_finished'
  /** Its id. */
  readonly step: number
  /** What became of it. */
  readonly outcome: Outcome
  /** How long it took, in milliseconds. */
  readonly durationMs: number
}

/** A cancel was asked for: the steps under way finish, and no other begins. */
export interface CancellingEvent {
  readonly kind: 'cancelling'
}

/** The run ended: always the last event. */
export interface FinishedEvent {
  readonly kind: 'finished'
  /** Whether every step is done. */
  readonly complete: boolean
  /** How many steps are done. */
  readonly done: number
  /** How long it took, in milliseconds. */
  readonly durationMs: number
}
