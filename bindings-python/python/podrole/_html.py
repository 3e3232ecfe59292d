"""Tables for notebooks. Everything that comes from outside is escaped."""

from collections.abc import Iterable, Sequence
from html import escape


def escaped(text: str) -> str:
    """Make text safe to stand between tags."""
    return escape(text)


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Make a table of cells that are HTML already."""
    head = "".join(f"<th style='text-align: left'>{escape(one)}</th>" for one in heads)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align: left; vertical-align: top'>{cell}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
