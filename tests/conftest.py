"""Settings for every test; fixtures live beside the tests that use them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.documents.mongodb_server import mongodb_server

# A slow machine is no failure, and CI must give the same answer for the same commit.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Tests written as `async def` run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that speaks MongoDB's protocol, started when the first test asks for it."""
    with mongodb_server(tmp_path_factory.mktemp("mongodb")) as url:
        yield url
