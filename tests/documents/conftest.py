"""Documents in a database file of their own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncara.abc import SqlFile
from syncara.documents.embedded import EmbeddedDocuments
from syncara.stores.sqlite import SqliteStore


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqlFile]:
    store = SqliteStore(tmp_path / "documents.db", durability="fast")
    yield store.file
    store.close()


@pytest.fixture
def documents(file: SqlFile) -> EmbeddedDocuments:
    return EmbeddedDocuments(file)
