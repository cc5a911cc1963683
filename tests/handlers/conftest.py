"""Servers, a workspace, and an engine with the handler under test, which each file of tests names as `handler`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncara import MultiStepProcessor
from syncara.abc import Handler
from tests.handlers.server import Server, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@pytest.fixture
async def other() -> AsyncIterator[Server]:
    """A second site."""
    async with serving() as server:
        yield server


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
async def processor(tmp_path: Path, handler: Handler) -> AsyncIterator[MultiStepProcessor]:
    async with MultiStepProcessor(tmp_path / "syncara.db", durability="fast") as started:
        started._handlers.install([handler])  # noqa: SLF001 - the handler under test
        yield started
