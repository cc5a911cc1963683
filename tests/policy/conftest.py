"""The world of `ground.py`, made once, and a bot in a copy of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.policy.ground import Ground, World, ground_in, made


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return asyncio.run(made(tmp_path_factory.mktemp("world")))


@pytest.fixture
async def ground(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ground]:
    """With no policy but the built-in one."""
    async with ground_in(tmp_path, world, monkeypatch) as started:
        yield started
