"""Whatever the tests of the core ran is replayed when a test ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.core.build import RUNS, journaled_state


@pytest.fixture(autouse=True)
def _every_journal_replays_to_the_state_that_was_live() -> Iterator[None]:
    """Folding the journal of each run of a test gives the board that the run had."""
    RUNS.clear()
    yield
    for run in RUNS:
        assert journaled_state(run.board) == journaled_state(run.replayed())
