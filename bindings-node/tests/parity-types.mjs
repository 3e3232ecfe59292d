// Writes parity.ts: what the compiler must find true if the types have the words of tests/parity.json, all of them and no others.

import { readFileSync, writeFileSync } from 'node:fs'

const parity = JSON.parse(readFileSync(`${process.env.PODROLE_ROOT}/tests/parity.json`, 'utf8'))
const words = (list) => list.map((word) => JSON.stringify(word)).join(' | ')
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())

const unions = {
  "P.Action['kind']": parity.actions,
  "P.Event['kind']": parity.events,
  'P.ErrorKind': parity.errors,
  'P.CheckKind': parity.checks,
  "P.Outcome['kind']": parity.outcomes,
  "P.Leftovers['state']": parity.leftovers,
  'P.Mechanism': parity.values.mechanism,
  'P.Scope': parity.values.scope,
  'P.Manage': parity.values.manage,
  'P.PolicySource': parity.values.policySource,
  'P.S3Access': parity.values.s3Access,
  'P.WorkloadKind': parity.values.workloadKind,
  'P.Verb': parity.values.verb,
  'P.NoticeLevel': parity.values.noticeLevel,
  'P.Status': parity.values.status,
  'P.Retry': parity.values.retry,
}
const unchecked = Object.keys(parity.values).length + 6 - Object.keys(unions).length
if (unchecked !== 0) {
  throw new Error('tests/parity.json has values that no type is compared with')
}

/** The type at the path of a mapping of a grant: `policies[].s3`. */
const at = (path) =>
  path
    .split(/\.|(?=\[\])/)
    .filter((part) => part !== '')
    .reduce((type, part) => (part === '[]' ? `Required<${type}>[number]` : `NonNullable<${type}['${part}']>`), 'P.Grant')

const fields = Object.entries(parity.grant).map(([path, names]) => [`keyof ${at(path)}`, names])
const actions = Object.entries(parity.actionFields).map(([kind, names]) => [`Exclude<keyof Extract<P.Action, { kind: '${kind}' }>, 'kind'>`, names])
const verbs = Object.entries(parity.client)
const optionsOf = { apply: 'P.ApplyOptions', revoke: 'P.RevokeOptions', plan: 'P.CallOptions', verify: 'P.CallOptions', plan_revoke: 'P.CallOptions' }

writeFileSync(
  'parity.ts',
  `import type * as P from 'podrole'

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
type Has<A, B extends A> = [B] extends [A] ? true : never

${[...Object.entries(unions), ...fields, ...actions].map(([type, list]) => `export type T${list.length}_${type.replace(/\W/g, '_')} = Assert<Same<${type}, ${words(list)}>>`).join('\n')}
${verbs.map(([verb]) => `export type V_${verb} = Assert<Has<keyof P.Client, '${camel(verb)}'>>`).join('\n')}
${verbs.flatMap(([verb, options]) => options.map((option) => `export type O_${verb}_${option} = Assert<Has<keyof ${optionsOf[verb]}, '${camel(option)}'>>`)).join('\n')}
${parity.run.map((name) => `export type R_${name} = Assert<Has<keyof P.Run, '${camel(name)}'>>`).join('\n')}
export type S = Assert<Same<P.Grant['schemaVersion'], ${parity.schemaVersion}>>

type Assert<T extends true> = T
`,
)
