// Lays a built package out for publishing, as napi-rs does: the native module of each platform in a package of its own, and the package itself
// with these as optional dependencies, so that npm installs the one that fits.
//
//   node platform-packages.mjs PACKAGE MODULES OUT
//
// PACKAGE is the package with everything but native modules, MODULES the folder with `podrole.<platform>.node` of every platform. In OUT,
// `podrole` and `podrole-<platform>` are then ready for `npm publish`.

import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [source, modules, out] = process.argv.slice(2)
const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
const platforms = readdirSync(modules).flatMap((name) => name.match(/^podrole\.(.+)\.node$/)?.[1] ?? [])
if (platforms.length === 0) {
  throw new Error(`there is no podrole.<platform>.node in ${modules}`)
}

const libraries = { gnu: ['glibc'], musl: ['musl'] }
const { version, description, license, repository, engines } = manifest
for (const platform of platforms) {
  const [os, cpu, abi] = platform.split('-')
  const folder = join(out, `podrole-${platform}`)
  const file = `podrole.${platform}.node`
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(modules, file), join(folder, file))
  copyFileSync(join(source, 'LICENSE'), join(folder, 'LICENSE'))
  writeFileSync(join(folder, 'README.md'), `The native module of [podrole](https://www.npmjs.com/package/podrole) for ${platform}.\n`)
  writeJson(join(folder, 'package.json'), {
    name: `podrole-${platform}`,
    version,
    description: `${description} Native module for ${platform}.`,
    license,
    repository,
    engines,
    os: [os],
    cpu: [cpu],
    libc: libraries[abi],
    main: file,
    files: [file],
  })
}

const main = join(out, 'podrole')
cpSync(source, main, { recursive: true, filter: (path) => !path.endsWith('.node') })
writeJson(join(main, 'package.json'), {
  ...manifest,
  optionalDependencies: Object.fromEntries(platforms.map((platform) => [`podrole-${platform}`, version])),
})

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)
}
