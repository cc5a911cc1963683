"""The world of `ground.py`, made once, and a bot in a copy of it; a server, and secrets in the environment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.handlers.server import Server, serving
from tests.policy.ground import Ground, World, ground_in, made
from tests.policy.secret_values import VALUES


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return asyncio.run(made(tmp_path_factory.mktemp("world")))


@pytest.fixture
async def ground(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ground]:
    """With no policy but the built-in one."""
    async with ground_in(tmp_path, world, monkeypatch) as started:
        yield started


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the secrets of `secret_values.py`."""
    for name, value in VALUES.items():
        monkeypatch.setenv(f"SYNCARA_SECRET_{name}", value)
