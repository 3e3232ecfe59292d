"""Fixtures for pytest; they are there by themselves when podrole is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import podrole
    import podrole.testing


@pytest.fixture
def podrole_world() -> podrole.testing.World:
    """The world that the simulation begins with: override it to begin with another one."""
    from podrole.testing import World

    return World.seed()


@pytest.fixture
def podrole_memory(podrole_world: podrole.testing.World) -> podrole.testing.Memory:
    """A simulation of its own for each test."""
    from podrole.testing import Memory

    return Memory(podrole_world)


@pytest.fixture
def podrole_client(podrole_memory: podrole.testing.Memory) -> Iterator[podrole.Client]:
    """A client of the simulation."""
    from podrole import Client

    with Client.in_memory(podrole_memory) as client:
        yield client
