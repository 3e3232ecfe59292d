"""What a plan, a receipt and a report look like in a notebook, as a page.

    python notebook.py > page.html

In a notebook itself, a cell that ends with `plan` shows the same table.
"""

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
plan = client.plan(grant)
receipt = client.apply(plan)
report = client.verify(grant)

print("<!doctype html><meta charset='utf-8'><title>podrole</title>")
for value in (plan, receipt, report):
    print(value._repr_html_())
