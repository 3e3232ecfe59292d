"""Cells for a notebook: what stands last in a cell is shown, plans and reports as tables."""

# %% A client; for real: podrole.Client(region="ca-central-1").
import podrole
from podrole.testing import Memory

client = podrole.Client.in_memory(Memory())
grant = podrole.Grant(
    cluster="devops_aurora",
    service_account="devops-aurora-1/connections-serviceaccount-s3",
    role="connections-role-test",
    policies=["AmazonS3FullAccess"],
    deployments=["connections-app"],
)

# %% What would be done?
plan = client.plan(grant)
plan

# %% Only what needs a look.
[(notice.resource, notice.message) for notice in plan.notices if notice.level == "warning"]

# %% Do it.
receipt = client.apply(plan)
receipt

# %% Is it in force?
client.verify(grant)

# %% Take it back.
client.revoke(grant, receipt=receipt)
client.close()
