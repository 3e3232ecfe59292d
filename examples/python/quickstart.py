"""The whole job of the written procedure: plan, apply, verify, plan again, revoke.

In memory: nothing outside this process is touched.
"""

import podrole
from podrole.testing import Memory

grant = podrole.Grant(
    cluster="devops_aurora",
    service_account="devops-aurora-1/connections-serviceaccount-s3",
    role="connections-role-test",
    policies=["AmazonS3FullAccess"],
    deployments=["connections-app"],
)

with podrole.Client.in_memory(Memory()) as client:  # for real: podrole.Client(region="ca-central-1")
    plan = client.plan(grant)
    print(plan)

    receipt = client.apply(plan)
    print(f"\n{receipt}")

    report = client.verify(grant)
    print(f"\n{report}")
    report.raise_for_failures()

    print(f"\nplanning again: {len(client.plan(grant).steps)} steps")

    client.revoke(grant, receipt=receipt)
    print(f"revoked: {len(client.plan_revoke(grant).steps)} steps left to revoke")
