"""Output for terminals, with `rich` and without."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap

import pytest
import rich.console

import podrole
from podrole import console
from podrole.testing import Memory


def drawn(value: object, width: int) -> str:
    """What `rich` prints at a width."""
    out = io.StringIO()
    rich.console.Console(file=out, width=width, force_terminal=False).print(value)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_rich_draws_each_within_its_width(grant: podrole.Grant, width: int) -> None:
    client = podrole.Client.in_memory(Memory())
    plan = client.plan(grant)
    receipt = client.apply(plan)
    for value, words in [
        (grant, "AmazonS3FullAccess"),
        (plan, "4 steps to apply"),
        (receipt, "4 of 4 steps done"),
        (client.verify(grant), "0 failed"),
        (client.plan(grant), "nothing to apply"),
    ]:
        shown = drawn(value, width)
        assert words in " ".join(shown.split())
        assert max(map(len, shown.splitlines())) <= width


def test_markup_from_outside_is_text() -> None:
    grant = podrole.Grant(
        cluster="devops_aurora",
        service_account="devops-aurora-1/app",
        role={"name": "app", "description": "[red]not red[/red] [link=x]"},
    )
    plan = podrole.Client.in_memory(Memory()).plan(grant)
    assert "[red]not red[/red] [link=x]" in drawn(plan, 200)
    assert "[red]not red[/red] [link=x]" in drawn(grant, 200)
    # As the text says: names of clusters and roles are the same in many accounts.
    assert "cluster: arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora" in drawn(plan, 200)


def test_what_looks_like_an_emoji_or_a_style_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ":rocket: [bold] arn:aws:secretsmanager:secret:x"
    client = podrole.Client.in_memory(Memory())
    plan = client.plan(
        podrole.Grant(
            cluster="devops_aurora",
            service_account="devops-aurora-1/app",
            role={"name": "app", "description": names},
        )
    )
    assert names in drawn(plan, 200)
    document = plan.to_dict()
    document["steps"][0]["summary"] = names
    assert names in drawn(podrole.Plan.from_dict(document), 200)

    receipt = client.apply(plan).to_dict()
    receipt["steps"][0]["summary"] = names
    assert names in drawn(podrole.Receipt.from_dict(receipt), 200)

    report = client.verify(plan.grants[0]).to_dict()
    report["checks"][0].update(resource=names, message=names, remedy=names)
    assert drawn(podrole.Report.from_dict(report), 300).count(names) == 3


def test_a_terminal_shows_live_progress(grant: podrole.Grant, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(
        rich.console, "Console", lambda **_: _console(file=out, width=100, force_terminal=True)
    )
    receipt = console.follow(podrole.Client.in_memory(Memory()).start_apply(grant))
    assert receipt.is_complete
    assert "✓" in out.getvalue()
    assert "create role connections-role-test" in out.getvalue()


_console = rich.console.Console


def test_without_rich_it_is_plain_text() -> None:
    program = textwrap.dedent(
        """
        import importlib.util, podrole
        from podrole import console
        from podrole.testing import Memory
        found = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: None if name == "rich" else found(name, *rest)
        client = podrole.Client.in_memory(Memory())
        grant = podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app")
        console.show(client.plan(grant))
        console.follow(client.start_apply(grant))
        """
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True)
    assert "create role app" in done.stdout
    assert done.stderr.splitlines()[0] == "2 steps"
    assert "… 1 create role app" in done.stderr


@pytest.mark.parametrize("terminal", ["force_terminal=True", ""])
@pytest.mark.parametrize("installed", [True, False])
def test_what_an_encoding_does_not_have_is_spelled(installed: bool, terminal: str) -> None:
    program = textwrap.dedent(
        f"""
        import functools, importlib.util, podrole
        from podrole import console
        from podrole.testing import Memory
        found = importlib.util.find_spec
        if {installed}:
            import rich.console
            rich.console.Console = functools.partial(rich.console.Console, {terminal})
        else:
            importlib.util.find_spec = lambda name, *rest: None if name == "rich" else found(name, *rest)
        client = podrole.Client.in_memory(Memory())
        role = {{"name": "app", "description": "caf\u00e9"}}
        grant = podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role=role)
        plan = client.plan(grant)
        console.show(plan)
        console.show(console.follow(client.start_apply(plan)))
        console.show(client.verify(grant))
        """
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict", "COLUMNS": "160"}
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done
    assert "caf\\xe9" in done.stdout, done
    assert "create role app" in done.stderr, done
    assert (done.stdout + done.stderr).isascii()
