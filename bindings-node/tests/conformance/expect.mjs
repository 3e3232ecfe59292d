// What a step of a case must come to.

import assert from 'node:assert/strict'

import { World } from 'podrole/testing'

import { meaning, only, pointed } from './json.mjs'

const KEYS = [
  'error', 'empty', 'steps', 'notices', 'printed', 'outcomes', 'events', 'depth', 'passed', 'checks', 'calls', 'writes', 'world', 'absent',
  'documents', 'worldIs', 'grant', 'text', 'document',
]

/** Throws where something that is expected does not hold. */
export function checkStep(run, given, expect) {
  only(expect, KEYS)
  if (expect.error === undefined) {
    if (given.error !== undefined) {
      throw given.error
    }
  } else {
    assert.ok(given.error, `succeeds instead of failing as ${expect.error.kind}`)
    checkError(given.error, expect.error)
  }
  for (const key of Object.keys(expect)) {
    checks[key]?.(expect[key], given, run)
  }
}

function contains(what, text, words) {
  for (const word of words) {
    assert.ok(text?.includes(word), `${what} lacks ${JSON.stringify(word)}: ${text}`)
  }
}

function checkError(error, wanted) {
  only(wanted, ['kind', 'code', 'resource', 'action', 'leftovers', 'retry', 'message', 'remedy', 'conflicts'])
  assert.equal(error.kind, wanted.kind, `the kind of ${error}`)
  contains('the message', error.message, wanted.message ?? [])
  contains('the remedy', error.remedy, wanted.remedy ?? [])
  const found = { code: error.awsCode, resource: error.resource, action: error.action, leftovers: error.leftovers.state, retry: error.retry }
  for (const key of Object.keys(found)) {
    if (wanted[key] !== undefined) {
      assert.equal(found[key], wanted[key], `${key} of ${error}`)
    }
  }
  if (wanted.conflicts !== undefined) {
    assert.deepEqual(error.conflicts, wanted.conflicts)
  }
}

/** Something of what a step gave; a case that expects it of another step is wrong. */
function of(given, key) {
  assert.ok(given[key] !== undefined, `there is no ${key}`)
  return given[key]
}

const checks = {
  empty: (wanted, given) => assert.equal(of(given, 'plan').isEmpty, wanted),
  steps: (wanted, given) => {
    const { steps } = of(given, 'plan')
    assert.deepEqual(
      steps.map(({ action, summary }) => [action.kind, summary]),
      wanted.map(({ kind, summary }) => [kind, summary]),
    )
    for (const [place, { kind, summary, after, ...rest }] of wanted.entries()) {
      only(rest, [])
      if (after !== undefined) {
        assert.deepEqual(steps[place].dependsOn, after, `what ${summary} comes after`)
      }
    }
  },
  notices: (wanted, given) => {
    const { notices } = of(given, 'plan')
    assert.equal(notices.length, wanted.length, JSON.stringify(notices, null, 2))
    for (const notice of wanted) {
      only(notice, ['level', 'resource', 'contains'])
      const there = notices.some(
        ({ level, resource, message }) =>
          level === notice.level && resource === notice.resource && message.includes(notice.contains),
      )
      assert.ok(there, `no notice ${JSON.stringify(notice)}: ${JSON.stringify(notices, null, 2)}`)
    }
  },
  printed: (wanted, given) => contains('what is printed', String(given.plan ?? of(given, 'report')), wanted),
  outcomes: (wanted, given) =>
    assert.deepEqual(
      of(given, 'receipt').steps.map(({ outcome }) => outcome.kind),
      wanted,
    ),
  events: (wanted, given) => assert.deepEqual(of(given, 'events'), wanted),
  depth: (wanted, given) => assert.equal(of(given, 'receipt').depth, wanted),
  passed: (wanted, given) => assert.equal(of(given, 'report').passed, wanted, String(given.report)),
  checks: (wanted, given) => {
    const { checks } = of(given, 'report')
    assert.deepEqual(
      checks.map(({ kind, status }) => [kind, status]),
      wanted.map(({ kind, status }) => [kind, status]),
    )
    for (const [place, { kind, status, contains: words, ...rest }] of wanted.entries()) {
      only(rest, [])
      contains(kind, checks[place].message, words === undefined ? [] : [words])
    }
  },
  calls: (wanted, _, run) => {
    const calls = run.memory.calls()
    for (const [operation, count] of Object.entries(wanted)) {
      const covered = operation.endsWith('*')
        ? (name) => name.startsWith(operation.slice(0, -1))
        : (name) => name === operation
      assert.equal(calls.filter((call) => covered(call.operation)).length, count, `the number of calls of ${operation}`)
    }
  },
  writes: (wanted, _, run) => {
    const writes = run.memory.calls().filter(({ write }) => write)
    assert.deepEqual(writes.map(({ operation }) => operation).sort(), [...wanted].sort())
  },
  world: (wanted, _, run) => {
    const world = run.memory.world()
    for (const [pointer, value] of Object.entries(wanted)) {
      assert.deepEqual(pointed(run.index, world, pointer), value, pointer)
    }
  },
  absent: (wanted, _, run) => {
    for (const pointer of wanted) {
      assert.equal(pointed(run.index, run.memory.world(), pointer), undefined, pointer)
    }
  },
  documents: (wanted, _, run) => {
    for (const [pointer, value] of Object.entries(wanted)) {
      assert.deepEqual(meaning(pointed(run.index, run.memory.world(), pointer)), meaning(value), pointer)
    }
  },
  worldIs: (name, _, run) => {
    assert.ok(run.worlds[name], `no world is remembered as ${name}`)
    assert.deepEqual(World.comparable(run.memory.world()), World.comparable(run.worlds[name]))
  },
  grant: (wanted, given, run) => {
    for (const [pointer, value] of Object.entries(wanted)) {
      assert.deepEqual(pointed(run.index, of(given, 'grant'), pointer) ?? null, value, pointer)
    }
  },
  text: (wanted, given) => assert.equal(of(given, 'text'), wanted),
  document: (wanted, given) => assert.deepEqual(meaning(of(given, 'document')), meaning(wanted)),
}
