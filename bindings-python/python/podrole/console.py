"""Output for terminals: with colours, trees and tables when `rich` is installed, as plain text when not.

What the encoding of the terminal or file does not have is spelled (`->` for an arrow), where `print(plan)` would fail.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any, TextIO

from podrole._input import described, invalid
from podrole.events import Event
from podrole.grant import Grant
from podrole.plan import Change, Plan
from podrole.receipt import Receipt
from podrole.report import Report
from podrole.run import Run

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

_MARKS = {"done": "✓", "already_done": "✓", "failed": "✗", "not_started": "·", "unknown": "?"}
_STYLES = {
    "done": "green", "already_done": "green", "failed": "red", "not_started": "dim", "unknown": "yellow",
    "passed": "green", "warned": "yellow", "skipped": "dim",
}  # fmt: skip
_CHECK_MARKS = {"passed": "✓", "warned": "!", "skipped": "-", "failed": "✗"}
_SPELLED = str.maketrans({"✓": "+", "✗": "x", "·": ".", "…": "...", "→": "->", "–": "-", "—": "-", "×": "x", "≥": ">="})


def show(what: Grant | Plan | Receipt | Report) -> None:
    """Print a grant, plan, receipt or report: with `rich` when that is installed, as plain text when not.

    Raises:
        InvalidInputError: It is something else.
    """
    if not isinstance(what, Grant | Plan | Receipt | Report):
        raise invalid(f"a grant, plan, receipt or report is needed, this is {described(what)}")
    if importlib.util.find_spec("rich") is None:
        print(what.to_yaml() if isinstance(what, Grant) else what, file=_spelling(sys.stdout))  # noqa: T201
        return
    from rich.console import Console

    Console(file=_spelling(sys.stdout)).print(what)


def follow(run: Run) -> Receipt:
    """Show the progress of a run until its end, and give its receipt.

    With `rich` and a terminal, a line for each step that changes in place; otherwise a line for each event.

    Raises:
        PodroleError: As `Run.finish`.
        Interrupted: As `Run.finish`.
        InvalidInputError: It is no run.
    """
    if not isinstance(run, Run):
        raise invalid(f"a run is needed, this is {described(run)}", "`Client.start_apply` gives one")
    if importlib.util.find_spec("rich") is not None:
        from rich.console import Console

        console = Console(file=_spelling(sys.stderr))
        if console.is_terminal:
            return _follow_live(run, console)
    for event in run:
        line = _line(event)
        if line:
            print(line, file=_spelling(sys.stderr))  # noqa: T201
    return run.finish()


class _Spelling:
    """A stream that spells what its encoding does not have."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        encoding = self._stream.encoding
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            text = text.translate(_SPELLED).encode(encoding, "backslashreplace").decode(encoding)
        return self._stream.write(text)


def _spelling(stream: TextIO) -> Any:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return stream if encoding.lower().startswith("utf") else _Spelling(stream)


def _line(event: Event) -> str | None:
    match event.kind:
        case "started":
            return f"{event.steps} steps"
        case "step_started":
            return f"… {event.step} {event.summary}"
        case "waiting":
            return f"… waiting: {event.reason}"
        case "step_finished":
            return f"{_MARKS.get(event.outcome.kind, '?')} {event.step} {event.outcome.kind.replace('_', ' ')}"
        case "cancelling":
            return "cancelling: the step in flight finishes, no other begins"
        case "finished":
            return f"{event.done} done in {event.duration_ms} ms"
        case _:
            return None


def _follow_live(run: Run, console: Console) -> Receipt:
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TimeElapsedColumn
    from rich.text import Text

    shown: dict[int, Text] = {}

    class Description(ProgressColumn):
        """What a step does: no markup, as names are not ours."""

        def render(self, task: Task) -> Text:
            return shown[int(task.description)]

    with Progress(SpinnerColumn("line" if console.options.ascii_only else "dots", finished_text=" "), Description(), TimeElapsedColumn(), console=console) as progress:
        tasks: dict[int, TaskID] = {}
        names: dict[int, str] = {}
        for event in run:
            match event.kind:
                case "step_started":
                    names[event.step] = event.summary
                    shown[event.step] = Text(event.summary)
                    tasks[event.step] = progress.add_task(str(event.step), total=1)
                case "step_finished":
                    kind = event.outcome.kind
                    mark = (_MARKS.get(kind, "?"), _STYLES.get(kind, "yellow"))
                    shown[event.step] = Text.assemble(mark, " ", names[event.step])
                    progress.update(tasks[event.step], completed=1)
                case "waiting" if event.step in tasks:
                    shown[event.step] = Text.assemble(names[event.step], " ", (f"({event.reason})", "dim"))
                case "waiting":
                    progress.console.print(Text(f"waiting: {event.reason}"))
                case _:
                    pass
    return run.finish()


def plan_tree(plan: Plan) -> RenderableType:
    """Draw a plan as a tree for `rich`."""
    from rich.text import Text
    from rich.tree import Tree

    count = len(plan.steps)
    title = f"{count} step{'' if count == 1 else 's'} to {plan.verb}" if count else f"nothing to {plan.verb}"
    tree = Tree(Text(title, "bold"))
    for arn in plan._clusters():  # noqa: SLF001
        tree.add(Text(f"cluster: {arn}"))
    for step in plan.steps:
        branch = tree.add(Text.assemble((str(step.id), "bold"), f" {step.summary} ", (step.why, "dim")))
        for change in step.changes:
            branch.add(_change(change))
    for notice in plan.notices:
        style = "yellow" if notice.level == "warning" else "dim"
        tree.add(Text(f"{notice.resource}: {notice.message}", style))
    return tree


def grant_table(grant: Grant) -> RenderableType:
    """Draw a grant as a table for `rich`."""
    from rich.table import Table
    from rich.text import Text

    table = Table("what", "asked for", title=Text(f"Grant {grant.subject} on {grant.cluster.name} as {grant.role.name}"))
    for what, asked in grant._rows():  # noqa: SLF001
        table.add_row(what, Text(asked, overflow="fold"))
    return table


def receipt_table(receipt: Receipt) -> RenderableType:
    """Draw a receipt as a table for `rich`."""
    from rich.table import Table
    from rich.text import Text

    title = f"{receipt.verb}: {len(receipt.done)} of {len(receipt.steps)} steps done in {receipt.duration_ms} ms"
    table = Table(title=title)
    for head in ("step", "what", "outcome", "took"):
        table.add_column(head, overflow="fold")
    for step in receipt.steps:
        kind = step.outcome.kind
        outcome = Text(f"{_MARKS.get(kind, '?')} {kind.replace('_', ' ')}", _STYLES.get(kind, "yellow"))
        table.add_row(str(step.step), Text(step.summary), outcome, f"{step.duration_ms} ms")
    return table


def report_table(report: Report) -> RenderableType:
    """Draw a report as a table for `rich`."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{len(report.checks)} checks, {len(report.failures)} failed")
    for head in ("", "check", "thing", "found"):
        table.add_column(head, overflow="fold")
    for check in report.checks:
        found = Text(check.message)
        if check.remedy:
            found.append(f"\nremedy: {check.remedy}", "dim")
        mark = Text(_CHECK_MARKS.get(check.status, "?"), _STYLES.get(check.status, "red"))
        table.add_row(mark, check.kind, Text(check.resource), found)
    return table


def _change(change: Change) -> Text:
    from rich.text import Text

    if change.before is None:
        return Text.assemble(("+", "green"), f" {change.field}: {change.after or ''}")
    if change.after is None:
        return Text.assemble(("-", "red"), f" {change.field}: {change.before}")
    return Text.assemble(("~", "yellow"), f" {change.field}: {change.before} → {change.after}")
