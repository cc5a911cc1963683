"""What every integration test runs on: a real SQLite file in a folder of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from syncara import MultiStepProcessor
from tests.integration.support import noop


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "syncara.db"


@pytest.fixture
async def processor(database: Path) -> AsyncIterator[MultiStepProcessor]:
    """A started processor with the handler `noop`; stopped when the test is over."""
    async with MultiStepProcessor(database) as started:
        started.register_handler("noop", noop)
        yield started


@pytest.fixture
def onlooker(database: Path) -> Iterator[MultiStepProcessor]:
    """A processor that is not started: it defines and reads, as any process may beside the one that runs."""
    processor = MultiStepProcessor(database)
    yield processor
    asyncio.run(processor.stop())
