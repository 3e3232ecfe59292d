// The same package from CommonJS, which may only import it dynamically on Node 20.

const assert = require('node:assert/strict')
const { test } = require('node:test')

test('CommonJS imports it dynamically', async () => {
  const podrole = await import('podrole')
  assert.equal(podrole.version, process.env.PODROLE_VERSION)
  const document = podrole.trustDocument(
    'arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B',
    'devops-aurora-1/connections-serviceaccount-s3',
  )
  assert.equal(document.Statement[0].Effect, 'Allow')
  assert.throws(() => podrole.trustDocument('', ''), podrole.PodroleError)
})
