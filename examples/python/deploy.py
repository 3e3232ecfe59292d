"""Apply the grants of a file to real clusters.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing was done because nobody agreed, 130 interrupted.
"""

import argparse
import sys

import podrole
from podrole import console
from podrole.testing import Memory


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="the grants, as YAML or JSON")
    parser.add_argument("--yes", action="store_true", help="apply without asking")
    parser.add_argument("--region")
    parser.add_argument("--profile")
    parser.add_argument("--kubeconfig", help="default: the API server that EKS tells, with a token made in-process")
    parser.add_argument("--endpoint-url", help="where AWS calls go instead of AWS")
    parser.add_argument("--simulated", action="store_true", help="on a simulated account and cluster")
    return parser.parse_args()


def client_of(given: argparse.Namespace) -> podrole.Client:
    """Make the client that the command line asks for."""
    if given.simulated:
        return podrole.Client.in_memory(Memory())
    return podrole.Client(
        region=given.region, profile=given.profile, kubeconfig=given.kubeconfig, endpoint_url=given.endpoint_url
    )


def agreed(question: str) -> bool:
    """Ask; where nobody can answer, nobody agrees."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def deploy(client: podrole.Client, grant: podrole.Grant, *, yes: bool) -> int:
    """Plan, ask, apply and verify one grant."""
    plan = client.plan(grant)
    console.show(plan)
    if not plan.is_empty:
        if not (yes or agreed("Apply this plan?")):
            return 3
        console.show(console.follow(client.start_apply(plan, wait=300)))
    report = client.verify(grant)
    console.show(report)
    return 0 if report.passed else 1


def explain(error: podrole.PodroleError) -> None:
    """Say what went wrong, what to do about it, and what is left."""
    print(f"{error.kind}: {error}", file=sys.stderr)
    if error.action is not None:
        print(f"  missing permission: {error.action}", file=sys.stderr)
    if error.remedy is not None:
        print(f"  remedy: {error.remedy}", file=sys.stderr)
    if error.leftovers.state != "none":
        print(f"  left behind: {', '.join(error.leftovers.resources)}", file=sys.stderr)


def main() -> int:
    """Apply one grant after the other, up to the first that fails."""
    given = arguments()
    try:
        grants = podrole.Grant.from_file(given.file)
        with client_of(given) as client:
            for grant in grants:
                code = deploy(client, grant, yes=given.yes)
                if code != 0:
                    return code
    except podrole.PodroleError as error:
        explain(error)
        return 1
    except podrole.Interrupted as interrupted:
        print(f"{interrupted}; `apply` goes on from there, `revoke` takes it back", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
