// Writes the TypeScript of the native module from what napi's macros wrote down while it was compiled.
//
//   node generate-types.mjs target/debug/napi-types/podrole-node ts/generated.ts

import { readFileSync, writeFileSync } from 'node:fs'

const [written, generated] = process.argv.slice(2)
const items = readFileSync(written, 'utf8').trim().split('\n').map((line) => JSON.parse(line))

const indented = (text) => text.trim().split('\n').map((line) => `  ${line.trim()}`)
const functions = []
const classes = new Map()
for (const { kind, name, js_doc: comment, def } of items) {
  if (kind === 'fn') {
    functions.push(...indented(`${comment}${def.replace(/^function /, '')}`))
  } else if (kind === 'struct') {
    classes.set(name, { comment, statics: [], members: [] })
  } else if (kind === 'impl') {
    // A comment belongs to the line below it.
    const { statics, members } = classes.get(name)
    let above = []
    for (const line of indented(def)) {
      if (/^  (\/\*\*|\*)/.test(line)) {
        above.push(line)
        continue
      }
      const [, made] = line.match(/^  constructor(\(.*\))$/) ?? []
      const place = made !== undefined || line.startsWith('  static ') ? statics : members
      place.push(...above, made === undefined ? line.replace('static ', '') : `  new ${made}: ${name}`)
      above = []
    }
  } else {
    throw new Error(`${written} has a ${kind}, which nobody expected`)
  }
}

const lines = [
  '// Generated from bindings-node/src by generate-types.mjs: do not edit.',
  '',
  "import type { Asked, Tell } from './asked.js'",
]
for (const [name, { comment, members }] of classes) {
  lines.push('', comment.trim(), `export interface ${name} {`, ...members, '}')
}
lines.push('', '/** What the native module exports. */', 'export interface Native {', ...functions)
for (const [name, { statics }] of classes) {
  if (statics.length > 0) {
    lines.push(`  ${name}: {`, ...statics.map((line) => `  ${line}`), '  }')
  }
}
lines.push('}', '')
writeFileSync(generated, lines.join('\n'))
