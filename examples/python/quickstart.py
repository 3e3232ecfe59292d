"""The whole job on a simulated account and cluster: nothing to set up, nothing touched."""

import json

import podrole
from podrole import console
from podrole.testing import Memory

memory = Memory()
grant = podrole.Grant(
    cluster="devops_aurora",
    service_account="devops-aurora-1/connections-serviceaccount-s3",
    role="connections-role-test",
    policies=["AmazonS3FullAccess"],
    deployments=["connections-app"],
)

with podrole.Client.in_memory(memory) as client:
    plan = client.plan(grant)
    console.show(plan)

    receipt = console.follow(client.start_apply(plan))
    console.show(receipt)

    role = memory.world().to_dict()["accounts"]["204393242335"]["roles"]["connections-role-test"]
    print(json.dumps(role["trust"], indent=2))

    console.show(client.verify(grant).raise_for_failures())
    print("a second plan has nothing to do:", client.plan(grant).is_empty)
    print(client.revoke(grant, receipt=receipt))
