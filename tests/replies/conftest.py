"""A processor whose chats are recorded, on a real SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncara import MultiStepProcessor
from tests.replies.support import Chats


@pytest.fixture
def chats() -> Chats:
    return Chats()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "syncara.db"


@pytest.fixture
async def bot(database: Path, chats: Chats) -> AsyncIterator[MultiStepProcessor]:
    """A started processor; stopped when the test is over."""
    async with MultiStepProcessor(database, messenger=chats) as started:
        yield started
