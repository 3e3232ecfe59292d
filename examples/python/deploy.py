"""Applies the grants of a file to real clusters.

    python deploy.py grants.yaml [--yes] [--profile PROFILE] [--region REGION] [--kubeconfig FILE] [--simulated]

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing was done because nobody agreed, 130 interrupted.
"""

import argparse
import sys

import podrole
from podrole import console
from podrole.testing import Memory


def agreed(question: str) -> bool:
    """Ask at the terminal; where nobody can answer, nobody agrees."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def deploy(client: podrole.Client, grant: podrole.Grant, *, yes: bool) -> int:
    """Plan, ask, apply, verify."""
    plan = client.plan(grant)
    console.show(plan)
    if not plan.is_empty:
        if not (yes or agreed("Apply this plan?")):
            return 3
        console.follow(client.start_apply(plan, wait=300))
    report = client.verify(grant)
    console.show(report)
    return 0 if report.passed else 1


def main() -> int:
    """Read the arguments and do it for each grant."""
    parser = argparse.ArgumentParser(description="Apply the grants of a file to real clusters.")
    parser.add_argument("file")
    parser.add_argument("--yes", action="store_true", help="apply without asking")
    parser.add_argument("--profile")
    parser.add_argument("--region")
    parser.add_argument("--endpoint-url", help="an emulator instead of AWS")
    parser.add_argument("--kubeconfig", help="instead of EKS's endpoint and a token made in-process")
    parser.add_argument("--simulated", action="store_true", help="on a simulated account and cluster")
    given = parser.parse_args()
    try:
        grants = podrole.Grant.from_file(given.file)
        if given.simulated:
            client = podrole.Client.in_memory(Memory())
        else:
            client = podrole.Client(
                profile=given.profile,
                region=given.region,
                endpoint_url=given.endpoint_url,
                kubeconfig=given.kubeconfig,
            )
        with client:
            for grant in grants:
                code = deploy(client, grant, yes=given.yes)
                if code:
                    return code
    except podrole.PodroleError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.remedy:
            print(f"remedy: {error.remedy}", file=sys.stderr)
        if error.receipt:
            print(error.receipt, file=sys.stderr)
        return 1
    except podrole.Interrupted as interrupted:
        print(f"\n{interrupted}", file=sys.stderr)
        if interrupted.receipt:
            print(interrupted.receipt, file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
