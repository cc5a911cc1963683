"""Settings for every test; fixtures live beside the tests that use them."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# A slow machine is no failure, and CI must give the same answer for the same commit.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Tests written as `async def` run on asyncio."""
    return "asyncio"
