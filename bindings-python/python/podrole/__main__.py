"""`python -m podrole`: the version, and where the documentation is."""

import argparse

import podrole


def main() -> None:
    """Say what this is. It is a library: there is no command line."""
    parser = argparse.ArgumentParser(
        prog="python -m podrole",
        description=f"podrole {podrole.__version__}: give a Kubernetes workload on Amazon EKS an AWS IAM role. "
        "This is a library; it has no command line.",
        epilog="Documentation: help(podrole), and the README of the package.",
    )
    parser.add_argument("--version", action="version", version=podrole.__version__)
    parser.parse_args()
    parser.print_help()


if __name__ == "__main__":
    main()
