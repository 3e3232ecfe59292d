// The whole job of the written procedure: plan, apply, verify, plan again, revoke. In memory: nothing outside this process is touched.

import { Client } from 'podrole'
import { Memory } from 'podrole/testing'

const grant = {
  cluster: 'devops_aurora',
  serviceAccount: 'devops-aurora-1/connections-serviceaccount-s3',
  role: 'connections-role-test',
  policies: ['AmazonS3FullAccess'],
  deployments: ['connections-app'],
}

const client = Client.inMemory(new Memory()) // for real: await Client.connect({ region: 'ca-central-1' })

const plan = await client.plan(grant)
console.log(String(plan))

const receipt = await client.apply(plan)
console.log(`\n${receipt}`)

const report = await client.verify(grant)
console.log(`\n${report}`)
report.throwForFailures()

console.log(`\nplanning again: ${(await client.plan(grant)).steps.length} steps`)

await client.revoke(grant, { receipt })
console.log(`revoked: ${(await client.planRevoke(grant)).steps.length} steps left to revoke`)
await client.close()
