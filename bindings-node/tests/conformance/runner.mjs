// Runs the cases of tests/conformance through the public API. The format is documented in the README there.

import * as podrole from 'podrole'
import { Client, Grant, Plan, PodroleError, Receipt } from 'podrole'
import { Memory, World } from 'podrole/testing'

import { checkStep } from './expect.mjs'
import { edited, only } from './json.mjs'

const scripted = new Memory({})

/** Runs a case; throws where it does not hold. */
export async function runCase(index, definition) {
  only(definition, ['name', 'why', 'world', 'edits', 'client', 'grants', 'steps'])
  const run = new CaseRun(index, definition)
  for (const [number, step] of definition.steps.entries()) {
    run.memory.clearCalls()
    try {
      await run.step(step)
    } catch (error) {
      throw new Error(`step ${number + 1}: ${error.message}`, { cause: error })
    }
    // A fault can be played at every call that there is.
    for (const { operation } of run.memory.calls()) {
      scripted.script({ operation, effect: { type: 'denied' } })
    }
    scripted.clearFaults()
  }
}

class CaseRun {
  constructor(index, { world = 'seed', edits = [], client = {}, grants = {} }) {
    only(client, ['owner'])
    this.index = index
    const begun = world === 'seed' ? World.seed() : World.fromJson(world)
    this.memory = new Memory(edited(index, begun, edits))
    this.client = Client.inMemory(this.memory, client)
    this.grants = { ...index.grants, ...grants }
    this.plans = {}
    this.receipts = {}
    this.worlds = {}
  }

  grant(name) {
    return Grant.fromJson(JSON.stringify(there(this.grants, name)))
  }

  async step({ do: verb, expect, ...step }) {
    const perform = steps[verb]
    if (perform === undefined) {
      throw new Error(`there is no step ${verb}`)
    }
    only(step, perform.keys)
    const given = {}
    try {
      await perform.run(this, step, given)
    } catch (error) {
      if (!(error instanceof PodroleError) || perform.setup) {
        throw error
      }
      given.error = error
      given.receipt ??= error.receipt
    }
    given.plan ??= given.receipt?.plan
    if (step.save !== undefined && given.receipt !== undefined) {
      this.receipts[step.save] = JSON.stringify(given.receipt)
    }
    if (perform.setup ? expect !== undefined : expect === undefined && given.error !== undefined) {
      throw given.error ?? new Error(`${verb} expects nothing`)
    }
    checkStep(this, given, expect ?? {})
  }

  async carryOut(run, given) {
    given.events = []
    for await (const event of run) {
      given.events.push(event.kind)
    }
    given.receipt = await run
  }
}

function there(named, name) {
  if (!Object.hasOwn(named, name)) {
    throw new Error(`there is nothing named ${name}`)
  }
  return named[name]
}

const steps = {
  read: {
    keys: ['text', 'format'],
    run: (_, { text, format }, given) => {
      given.grant = { yaml: Grant.fromYaml, json: Grant.fromJson }[format](text)
    },
  },
  plan: {
    keys: ['grant', 'save'],
    run: async (run, { grant, save }, given) => {
      given.plan = await run.client.plan(run.grant(grant))
      run.plans[save] = JSON.stringify(given.plan)
    },
  },
  planRevoke: {
    keys: ['grant', 'save'],
    run: async (run, { grant, save }, given) => {
      given.plan = await run.client.planRevoke(run.grant(grant))
      run.plans[save] = JSON.stringify(given.plan)
    },
  },
  apply: {
    keys: ['grant', 'save'],
    run: (run, { grant }, given) => run.carryOut(run.client.apply(run.grant(grant)), given),
  },
  applyPlan: {
    keys: ['plan', 'owner'],
    run: (run, { plan, owner }, given) => {
      const client = owner === undefined ? run.client : Client.inMemory(run.memory, { owner })
      return run.carryOut(client.apply(Plan.fromJson(there(run.plans, plan))), given)
    },
  },
  verify: {
    keys: ['grant'],
    run: async (run, { grant }, given) => {
      given.report = await run.client.verify(run.grant(grant))
    },
  },
  revoke: {
    keys: ['grant', 'receipt', 'removeProvider'],
    run: (run, { grant, receipt, removeProvider }, given) => {
      const kept = receipt === undefined ? undefined : Receipt.fromJson(there(run.receipts, receipt))
      return run.carryOut(run.client.revoke(run.grant(grant), { receipt: kept, removeProvider }), given)
    },
  },
  editWorld: {
    keys: ['edits'],
    setup: true,
    run: (run, { edits }) => run.memory.edit((world) => edited(run.index, world, edits)),
  },
  rememberWorld: {
    keys: ['as'],
    setup: true,
    run: (run, { as }) => {
      run.worlds[as] = run.memory.world()
    },
  },
  fault: { keys: ['fault'], setup: true, run: (run, { fault }) => run.memory.script(fault) },
  clearFaults: { keys: [], setup: true, run: (run) => run.memory.clearFaults() },
  pointKubernetesAt: {
    keys: ['cluster', 'arn'],
    setup: true,
    run: (run, { cluster, arn }) => run.memory.pointKubernetesAt(cluster, arn),
  },
  artifact: {
    keys: ['artifact', 'arguments'],
    run: (run, { artifact, arguments: named }, given) => {
      const taken = there(artifacts, artifact)
      only(named, taken)
      const made = podrole[camel(artifact)](...taken.map((name) => named[name]))
      given[typeof made === 'string' ? 'text' : 'document'] = made
    },
  },
}

/** The pure functions with their arguments in order. */
export const artifacts = {
  trust_document: ['providerArn', 'serviceAccount'],
  service_account_yaml: ['serviceAccount', 'roleArn'],
  data_sync_statement: ['roleArn', 'sourceAccount', 'externalId'],
  s3_policy: ['partition', 'buckets', 'access'],
  kustomize_patch: ['serviceAccount'],
}

/** A name of the core as JavaScript writes it. */
export function camel(name) {
  return name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())
}

