"""What type checkers say of the package: they read this file, and a comment that ignores nothing is an error."""
# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import pytest

import podrole


def shown(plan: podrole.Plan, run: podrole.Run) -> podrole.Receipt:
    """As the documentation has it, with `import podrole` alone."""
    podrole.console.show(plan)
    return podrole.console.follow(run)


def test_submodules_are_there_with_the_package() -> None:
    given: podrole.grant.GrantLike = {"cluster": "c", "serviceAccount": "a/b", "role": "r"}
    assert podrole.testing.World.seed() != given
    assert podrole.errors.Leftovers().state == "none"
    assert podrole.connection.TokenRequest(name="c", arn="a").endpoint is None
    assert podrole.events.StepFinishedEvent.__name__ == "StepFinishedEvent"
    assert podrole.run.EventListener is not None
    assert callable(shown)


def test_misspelt_names_are_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Clinet'"):
        podrole.Clinet  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute '__verison__'"):
        podrole.__verison__  # type: ignore[attr-defined]  # noqa: B018
