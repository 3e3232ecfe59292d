// Takes the examples out of the documentation (comments of the package's types and the READMEs) into files that are compiled and run.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'

const root = process.env.PODROLE_ROOT
mkdirSync('doc-examples', { recursive: true })
let count = 0

/** Every `ts`, `js` or `mjs` block of a text, the comment's stars removed. */
function examples(text) {
  return [...text.matchAll(/^([ *]*)```(?:ts|js|mjs)\n([^]*?)^[ *]*```$/gm)].map(([, margin, code]) =>
    code.split('\n').map((line) => (line.startsWith(margin.trimEnd()) ? line.slice(margin.length) : line)).join('\n'),
  )
}

const declarations = 'node_modules/podrole/dist/'
for (const file of [
  ...readdirSync(declarations).filter((name) => name.endsWith('.d.ts')).map((name) => declarations + name),
  'node_modules/podrole/README.md',
  `${root}/README.md`,
]) {
  for (const code of examples(readFileSync(file, 'utf8'))) {
    count += 1
    const name = file.split('/').pop().replace(/\W/g, '-')
    writeFileSync(`doc-examples/${name}-${count}.ts`, `// From ${file.replace(root, '')}\n${code}\nexport {}\n`)
  }
}
if (count < 8) {
  throw new Error(`only ${count} examples were found`)
}
writeFileSync(
  'doc-examples/tsconfig.json',
  JSON.stringify({
    compilerOptions: {
      target: 'ES2022', module: 'nodenext', types: ['node'], strict: true, exactOptionalPropertyTypes: true, isolatedModules: true,
      verbatimModuleSyntax: true, skipLibCheck: false, outDir: 'built', rootDir: '.',
    },
    include: ['*.ts'],
  }),
)
