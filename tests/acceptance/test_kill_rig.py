"""kill -9 at 20 moments of each example: nothing that was finished is done again, and nothing is missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance.rig import Rig, run_family
from tests.acceptance.rig_examples import EXAMPLES

KILLS = 20
AT_ONCE = 2
"""Families of processes under way at once."""


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_run_survives_kill_9_at_any_moment(tmp_path: Path, example: str) -> None:
    """After each kill the next process goes on; in the end the handlers' own file agrees with the journal."""
    families = EXAMPLES[example].families
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [
            pool.submit(run_family, example, tmp_path / str(number), moments) for number, moments in enumerate(families)
        ]
        caught = set().union(*(run.result() for run in runs))

    steps = {step["name"] for step in EXAMPLES[example].definition["steps"]}
    assert KILLS == sum(map(len, families))
    assert steps <= caught, f"no kill inside {steps - caught}"


@pytest.mark.parametrize(
    ("tamper", "complaint"),
    [
        (lambda lines: [*lines, *lines[:2]], "finished steps ran again: {'Send Welcome'}"),
        (lambda lines: lines[2:], "the file and the journal name different steps"),
        (lambda lines: [lines[0].replace(b'"key":"', b'"key":"other'), *lines[1:]], "more than one idempotency key"),
        (lambda lines: [*lines, lines[0].replace(b"Welcome", b"Mail")], "begun without a word in the journal"),
        (lambda lines: lines[:-1], "the success was not the end of what it did"),
    ],
    ids=["again", "missing", "key", "too early", "no end"],
)
def test_the_rig_sees_what_does_not_fit(
    tmp_path: Path, tamper: Callable[[list[bytes]], list[bytes]], complaint: str
) -> None:
    """A line too many, too few or wrong in the handlers' file is found when it is compared with the journal."""
    rig = Rig("onboarding", tmp_path)
    rig.finish()
    effects = tmp_path / "effects"
    effects.write_bytes(b"\n".join([*tamper(effects.read_bytes().splitlines()), b""]))

    with pytest.raises(AssertionError, match=re.escape(complaint)):
        rig.finish()
