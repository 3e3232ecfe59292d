// Runs in a project that has nothing but the packed tarball: see scripts/test-node.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

import { PodroleError, trustDocument, version } from 'podrole'

const issuer = 'oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B'
const provider = `arn:aws:iam::204393242335:oidc-provider/${issuer}`
const serviceAccount = 'devops-aurora-1/connections-serviceaccount-s3'

test('it is the installed tarball that is tested, and it stands alone', () => {
  const here = fileURLToPath(new URL('.', import.meta.url))
  const installed = fileURLToPath(import.meta.resolve('podrole'))
  assert.ok(installed.startsWith(`${here}node_modules/podrole/`), installed)
  assert.deepEqual(
    readdirSync(`${here}node_modules`).filter((name) => !name.startsWith('.')),
    ['podrole'],
  )
})

test('the version is the one of the workspace', () => {
  const manifest = JSON.parse(readFileSync(new URL('node_modules/podrole/package.json', import.meta.url), 'utf8'))
  assert.equal(version, process.env.PODROLE_VERSION)
  assert.equal(manifest.version, version)
})

test('the document trusts one service account', () => {
  const document = trustDocument(provider, serviceAccount)
  assert.equal(document.Version, '2012-10-17')
  assert.equal(document.Statement.length, 1)
  const { Sid: _, ...statement } = document.Statement[0]
  assert.deepEqual(statement, {
    Effect: 'Allow',
    Principal: { Federated: provider },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: {
      StringEquals: {
        [`${issuer}:sub`]: 'system:serviceaccount:devops-aurora-1:connections-serviceaccount-s3',
        [`${issuer}:aud`]: 'sts.amazonaws.com',
      },
    },
  })
})

for (const [what, args, named] of [
  ['what is no ARN', ['not an arn', serviceAccount], 'not an arn'],
  ['the ARN of a role', ['arn:aws:iam::204393242335:role/some-role', serviceAccount], 'role/some-role'],
  ['no namespace', [provider, 'no-namespace'], 'namespace/name'],
  ['an illegal name', [provider, 'devops-aurora-1/Upper'], 'Upper'],
  ['a number', [provider, 7], 'serviceAccount'],
  ['null', [null, serviceAccount], 'providerArn'],
  ['nothing', [], 'providerArn'],
]) {
  test(`bad input throws a typed error: ${what}`, () => {
    assert.throws(
      () => trustDocument(...args),
      (error) => {
        assert.ok(error instanceof PodroleError)
        assert.ok(error instanceof Error)
        assert.equal(error.name, 'PodroleError')
        assert.equal(error.kind, 'invalid_input')
        assert.equal(error.code, 'PODROLE_INVALID_INPUT')
        assert.ok(error.message.includes(named), error.message)
        assert.ok(error.remedy === undefined || error.remedy.length > 0)
        assert.ok(error.stack.includes('esm.test.mjs'), error.stack)
        return true
      },
    )
  })
}
