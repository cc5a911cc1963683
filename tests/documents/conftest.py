"""Documents in a database of their own for each test: in a file, or on a server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from syncara.abc import SqlFile
from syncara.documents.embedded import EmbeddedDocuments
from syncara.stores.sqlite import SqliteStore

databases = (f"mongodb_{number}" for number in count())


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqlFile]:
    store = SqliteStore(tmp_path / "documents.db", durability="fast")
    yield store.file
    store.close()


@pytest.fixture
def documents(file: SqlFile) -> EmbeddedDocuments:
    return EmbeddedDocuments(file)


@pytest.fixture
def database() -> str:
    """The name of a MongoDB database that no other test uses."""
    return next(databases)
