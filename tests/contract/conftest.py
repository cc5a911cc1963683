"""Every implementation of an interface, as fixtures that run each contract test once for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncara.abc import Store
from syncara.stores.memory import MemoryDisk, MemoryStore
from syncara.stores.sqlite import SqliteStore
from tests.stores.samples import define_welcome


@pytest.fixture(params=["sqlite", "memory"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens a store; each call opens another one over the same data, which holds the workflow of the samples."""
    disk = MemoryDisk()
    opened: list[Store] = []

    def open_another() -> Store:
        store = MemoryStore(disk) if request.param == "memory" else SqliteStore(tmp_path / "x.db", durability="fast")
        if not opened:
            define_welcome(store)
        opened.append(store)
        return store

    yield open_another
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    """A new store that is its database's runner."""
    opened = open_store()
    opened.acquire()
    return opened
