// Benchmarks, as ratios of one run: see scripts/node-bench, which builds what they need. A budget that is passed is a failure.

import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

import { Client } from 'podrole'
import { Memory, World } from 'podrole/testing'

import { installed } from './size.mjs'

const require = createRequire(import.meta.url)
const modulePath = process.env.PODROLE_MODULE
const native = require(modulePath)

const seed = {
  cluster: 'devops_aurora',
  serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
  role: 'connections-role-test',
  policies: ['AmazonS3FullAccess'],
  deployments: ['connections-app'],
}
const median = (list) => [...list].sort((left, right) => left - right)[list.length >> 1]
const micro = (value) => `${value.toFixed(0)} µs`
const milli = (value) => `${(value / 1000).toFixed(1)} ms`
const mega = (value) => `${(value / 1024 / 1024).toFixed(1)} MB`

function say(what, found, budget, good) {
  console.log(`${good ? '✓' : '✗'} ${what}: ${found} (budget: ${budget})`)
  if (!good) {
    process.exitCode = 1
  }
}

/** Microseconds of each of so many calls. */
async function times(count, work) {
  const found = []
  for (let index = 0; index < count; index += 1) {
    const begun = performance.now()
    await work()
    found.push((performance.now() - begun) * 1000)
  }
  return found
}

/** A world whose namespace has so many Deployments. */
function wide(count) {
  const world = World.seed()
  const [cluster] = Object.values(world.clusters)
  const { deployments } = cluster.namespaces['devops-aurora-1']
  for (let index = 0; index < count; index += 1) {
    deployments[`app-${index}`] = { replicas: 1 }
  }
  return { world, grant: { ...seed, deployments: Array.from({ length: count }, (_, index) => `app-${index}`) } }
}

async function overhead() {
  const memory = new Memory()
  const core = new native.Memory(JSON.stringify(World.seed()))
  const client = Client.inMemory(memory)
  const json = JSON.stringify(seed)
  await times(300, () => client.plan(seed))
  await native.corePlans(core, json, 300)
  const [own, theirs, ways] = [[], [], []]
  // By turns, so that what else the machine does hits all.
  for (let round = 0; round < 10; round += 1) {
    ways.push(...(await times(200, () => native.nothing())))
    own.push(...(await times(200, () => client.plan(seed))))
    theirs.push(...(await native.corePlans(core, json, 200)))
    memory.clearCalls()
    core.clearCalls()
  }
  const [node, alone, way] = [median(own), median(theirs), median(ways)]
  const found = `plan ${micro(node)}, core alone ${micro(alone)}, ratio ${(node / alone).toFixed(2)}; to another thread and back ${micro(way)}`
  say('overhead of a call', `${found}; overhead ${micro(node - alone)}`, '≤ 100 µs', node - alone <= 100)
}

async function conversion() {
  const { world, grant } = wide(1000)
  const client = Client.inMemory(new Memory(world))
  const core = new native.Memory(JSON.stringify(world))
  const json = JSON.stringify(grant)
  const node = median(await times(7, () => client.plan(grant)))
  const alone = median(await native.corePlans(core, json, 7))
  const { steps } = await client.plan(grant)
  const found = `${milli(node)} for ${steps.length} steps, core alone ${milli(alone)}, difference ${milli(node - alone)}`
  say('a plan of 1,000 steps', found, 'conversion ≤ 20 ms', node - alone <= 20_000)
}

async function events() {
  // Not more: every change of the simulation looks at every pod.
  const { world, grant } = wide(50)
  const json = JSON.stringify(grant)
  const [own, theirs] = [[], []]
  let count = 0
  for (let round = 0; round < 21; round += 1) {
    const client = Client.inMemory(new Memory(world))
    const begun = performance.now()
    count = 0
    const run = client.apply(grant)
    for await (const _ of run) {
      count += 1
    }
    await run
    own.push((performance.now() - begun) * 1000)
    const [taken] = await native.coreRun(new native.Memory(JSON.stringify(world)), json)
    theirs.push(taken)
  }
  const [node, alone] = [median(own), median(theirs)]
  const found = `${count} events in ${milli(node)}, core alone ${milli(alone)}, ratio ${(node / alone).toFixed(2)}`
  say('events of a run', found, 'ratio ≤ 1.5', node / alone <= 1.5)
}

function loading() {
  const run = (code) => {
    const begun = performance.now()
    const { status, stderr } = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '--eval', code], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      encoding: 'utf8',
    })
    if (status !== 0) {
      throw new Error(stderr)
    }
    return (performance.now() - begun) * 1000
  }
  const sets = {
    nothing: '',
    podrole: "import 'podrole'",
    theirs: "import '@aws-sdk/client-iam'; import '@aws-sdk/client-eks'; import '@kubernetes/client-node'",
  }
  const found = { nothing: [], podrole: [], theirs: [] }
  for (let round = 0; round < 11; round += 1) {
    for (const [name, code] of Object.entries(sets)) {
      found[name].push(run(code))
    }
  }
  const nothing = median(found.nothing)
  const [own, theirs] = [median(found.podrole) - nothing, median(found.theirs) - nothing]
  const text = `${milli(own)}, client-iam + client-eks + client-node ${milli(theirs)}: ${(theirs / own).toFixed(1)} × faster`
  say('load time', text, 'at least 5 × faster', theirs / own >= 5)
}

function size() {
  const own = installed(['podrole'])
  const theirs = installed(['@aws-sdk/client-iam', '@aws-sdk/client-eks', '@kubernetes/client-node'])
  const text = `${mega(own)} (of it the module ${mega(statSync(modulePath).size)}), theirs ${mega(theirs)}: ${(own / theirs).toFixed(2)} of it`
  say('installed size', text, 'no more than theirs', own <= theirs)
}

async function growth() {
  const memory = new Memory()
  const client = Client.inMemory(memory)
  const plans = async (count) => {
    for (let index = 0; index < count; index += 1) {
      await client.plan(seed)
      if (index % 500 === 499) {
        memory.clearCalls()
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    global.gc()
    await new Promise((resolve) => setImmediate(resolve))
    global.gc()
    return process.memoryUsage().rss
  }
  const before = await plans(2000)
  const after = await plans(10_000)
  say('growth over 10,000 plans', `${mega(before)} → ${mega(after)}`, 'less than 5 MB', after - before < 5 * 1024 * 1024)
}

console.log(`Node ${process.version}, ${process.platform} ${process.arch}`)
await overhead()
await conversion()
await events()
loading()
size()
await growth()
