"""Broken replies come out as they were meant, and nothing runs that nobody meant."""

from __future__ import annotations

import pytest

from tests.corpus.entry import Entry
from tests.corpus.evaluate import Outcome, judge, judge_all, share, suggested_share, table

RIGHT_MIN = {"tuned": 0.98, "held": 0.98, "fresh": 0.95, "certain": 0.98}
"""Of all entries. The repairer is developed against all but the third, which nobody who wrote it has seen."""
SUGGESTED_RIGHT_MIN = 0.95
SETUP = [
    "[MULTISTEP:CREATE_WORKFLOW:Tea]",
    '[MULTISTEP:ADD_STEP:workflow_id:Boil:log:{"message":"boiling"}]',
]
RUN = "[MULTISTEP:EXECUTE:workflow_id]"


@pytest.mark.parametrize("part", RIGHT_MIN)
async def test_a_broken_reply_does_what_was_meant_at_once_or_once_corrected(part: str) -> None:
    """Each suggestion taken as it stands; and not one reply does something else."""
    verdicts = await judge_all(part)

    assert [] == [verdict.entry.id for verdict in verdicts if verdict.outcome is Outcome.WRONG_EXECUTION]
    assert share(verdicts) >= RIGHT_MIN[part], table(verdicts)
    assert suggested_share(verdicts) >= SUGGESTED_RIGHT_MIN, table(verdicts)


async def test_what_is_done_to_something_is_suggested_only_where_it_is_certain() -> None:
    """Not one suggestion in this part does something else than was meant."""
    verdicts = await judge_all("certain")

    assert [] == [verdict.entry.id for verdict in verdicts if verdict.outcome is Outcome.WRONG_SUGGESTION]


def entry(text: str, *meant: str, why: str = "") -> Entry:
    return Entry(id="x", class_="x", language="en", text=text, meant=list(meant), setup=SETUP, why=why)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (entry(RUN, RUN), Outcome.AT_ONCE),
        (entry("[MULTISTEP:EXECUT:workflow_id]", RUN), Outcome.REPAIRED),
        (entry("[MULTISTEP:EXECUTE:`{tea}`]", "[MULTISTEP:EXECUTE:Tea]"), Outcome.REPAIRED),
        (entry("[MULTISTEP:EXEC", why="it ends there"), Outcome.LEFT),
        (entry("Tea is on its way.", why="nobody knows"), Outcome.LEFT),
        (entry("Tea is on its way.", RUN), Outcome.NO_SUGGESTION),
        (entry("[MULTISTEP:XYZ:workflow_id]", RUN), Outcome.NO_SUGGESTION),
        (entry("[MULTISTEP:EXECUT:workflow_id]", '[MULTISTEP:EXECUTE:Tea:{"n":1}]'), Outcome.WRONG_SUGGESTION),
        (entry("[MULTISTEP:EXECUT:workflow_id]", why="nobody knows"), Outcome.WRONG_SUGGESTION),
        (entry(RUN, '[MULTISTEP:EXECUTE:Tea:{"n":1}]'), Outcome.WRONG_EXECUTION),
        (entry(RUN, why="nobody knows"), Outcome.WRONG_EXECUTION),
    ],
)
async def test_the_judge_tells_what_became_of_a_reply(found: Entry, outcome: Outcome) -> None:
    """Each outcome is found where it is one, so that the figure means something."""
    assert outcome == (await judge(found)).outcome


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("context.n > 3", "context.get('n') > 3", True),
        ("context.n != null", "context.n is not None", True),
        ("context.n > 3", "context.n >= 3", False),
        ("context.a and context.b", "context.a or context.b", False),
        ("len(context.items) > 1", "len(context.items) > 0", False),
        ("steps['Boil'].status == 'completed'", "steps['Boil'].status == 'failed'", False),
    ],
)
async def test_conditions_are_the_same_when_they_decide_alike(one: str, other: str, *, same: bool) -> None:
    """How a condition is spelled does not count, and what it decides does."""
    step = '[MULTISTEP:ADD_STEP:workflow_id:Pour:log:{"message":"pouring"}:Boil:condition=%s]'
    verdict = await judge(entry(step % one, step % other))

    assert (Outcome.AT_ONCE if same else Outcome.WRONG_EXECUTION) == verdict.outcome
