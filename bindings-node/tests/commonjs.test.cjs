// The same package from CommonJS: by dynamic import everywhere, by `require` where Node has it for ESM (22.12 and newer).

const assert = require('node:assert/strict')
const { test } = require('node:test')

const grant = { cluster: 'devops_aurora', serviceAccount: 'devops-aurora-1/app', role: 'app' }

async function works({ Client, PodroleError, version }, { Memory }) {
  assert.equal(version, process.env.PODROLE_VERSION)
  const receipt = await Client.inMemory(new Memory()).apply(grant)
  assert.ok(receipt.isComplete)
  await assert.rejects(Client.inMemory(new Memory()).plan({}), PodroleError)
}

test('CommonJS imports it dynamically', async () => {
  await works(await import('podrole'), await import('podrole/testing'))
})

const [major, minor] = process.versions.node.split('.').map(Number)
test('CommonJS requires it', { skip: major < 22 || (major === 22 && minor < 12) ? 'this Node has no require of ESM' : false }, async () => {
  const podrole = require('podrole')
  await works(podrole, require('podrole/testing'))
  assert.equal(podrole, await import('podrole'), 'it is loaded once')
})
