// A client of real services as far as it needs none: what it makes of the caller's functions.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { inspect } from 'node:util'

import { Client, PodroleError } from 'podrole'

import { failure, seed } from './support.mjs'

const grant = { ...seed, scope: 'iam', deployments: [] }
const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'hunter2' }
/** Nobody listens there. */
const nowhere = 'http://127.0.0.1:9'
const connect = (options) => Client.connect({ region: 'ca-central-1', endpointUrl: nowhere, awsAttempts: 1, ...options })

test('a credentials function that never answers is named, and the call ends', async () => {
  for (const [options, name] of [
    [{ credentials: () => new Promise(() => {}) }, '`credentials`'],
    [{ accountCredentials: { 204393242335: () => new Promise(() => {}) } }, '`accountCredentials["204393242335"]`'],
  ]) {
    const client = await connect({ ...options, awsTimeout: 0.05 })
    const error = await failure('timeout', client.plan({ ...grant, cluster: { name: grant.cluster, account: '204393242335' } }))
    assert.equal(error.message, `the function ${name} has not answered in time`)
    assert.match(error.remedy, /awsTimeout/)
  }
})

test('the words of a failing function are made one line in no time', async () => {
  const words = `a ${' '.repeat(200_000)}b\n\n  c`
  const client = await connect({ credentials: () => { throw new Error(words) } })
  const begun = performance.now()
  const error = await failure('credentials', client.plan(grant))
  assert.ok(performance.now() - begun < 3000, `${performance.now() - begun} ms`)
  assert.ok(error.message.includes('b c'))
})

test('the endpoint may be a URL object', async (t) => {
  const paths = []
  const server = createServer((request, response) => {
    paths.push(request.url)
    request.resume()
    response.writeHead(403, { 'x-amzn-errortype': 'AccessDeniedException' })
    response.end('{"message": "no"}')
  })
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = await connect({ endpointUrl: new URL(`http://127.0.0.1:${server.address().port}`), credentials })
  await client.plan(grant).catch(() => {})
  assert.ok(paths.includes('/clusters/devops_aurora'), paths.join())
})

test('a token function goes with a kubeconfig that is not to be used', async () => {
  await (await connect({ token: () => 'token', kubeconfig: false, inCluster: false })).close()
  for (const other of [{ kubeconfig: true }, { kubeconfig: '/x' }, { inCluster: true }]) {
    const error = await failure('invalid_input', connect({ token: () => 'token', ...other }))
    assert.equal(error.message, 'options.token excludes `kubeconfig` and `inCluster`')
  }
})

test('credentials with a line break are refused by name, and never shown', async () => {
  for (const [part, value] of [
    ['accessKeyId', 'AKIATEST\n'],
    ['secretAccessKey', 'hunter2\r\n'],
    ['sessionToken', 'hunter2\0'],
  ]) {
    const given = { ...credentials, [part]: value }
    const words = `credentials.${part} holds a line break or another control character`
    const early = await failure('invalid_input', connect({ credentials: given }))
    assert.equal(early.message, `options.${words}`)
    const late = await failure('credentials', (await connect({ credentials: () => given })).plan(grant))
    assert.equal(late.cause.message, words)
    assert.ok(!inspect([early, late], { depth: 9 }).includes('hunter2'))
  }
})

test('what a function failed with is the cause of that failure, and of no later one', async (t) => {
  const server = createServer((request, response) => {
    request.resume()
    // EKS speaks JSON, IAM XML; both are asked at once.
    response.writeHead(403, { 'x-amzn-errortype': 'ExpiredTokenException' })
    response.end(
      request.url.startsWith('/clusters')
        ? '{"message": "expired"}'
        : '<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>expired</Message></Error></ErrorResponse>',
    )
  })
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const mine = new Error('not today:\n  the vault is closed')
  let asked = 0
  const client = await connect({
    endpointUrl: `http://127.0.0.1:${server.address().port}`,
    credentials() {
      asked += 1
      if (asked === 1) {
        throw mine
      }
      return credentials
    },
    accountCredentials: { 111122223333: () => { throw new Error('of another account') } },
  })
  const first = await failure('credentials', client.plan(grant))
  assert.equal(first.cause, mine)
  assert.match(first.remedy, /the function `credentials`/)
  assert.ok(first.message.includes('not today: the vault is closed'), first.message)
  await failure('credentials', client.plan({ ...grant, cluster: { name: grant.cluster, account: '111122223333' } }))
  const later = await failure('credentials', client.plan(grant))
  assert.equal(later.awsCode, 'ExpiredTokenException')
  assert.equal(later.cause?.message, undefined)
  assert.equal(asked, 2, 'they are kept')
})
