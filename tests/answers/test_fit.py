"""No answer is too long for a message, whatever it speaks of."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.answers import (
    FORMS,
    LANGUAGES,
    Answer,
    CommandHelp,
    announcement,
    command_help,
    execution_list,
    not_done,
    progress,
    refusal,
    render,
    run_started,
    status,
    status_line,
    step_added,
    told,
    why,
    workflow_deleted,
    workflow_list,
    workflow_made,
    workflow_tree,
)
from syncara.answers.fit import CHARS_MAX, ROWS_MAX, fitted
from syncara.answers.model import Line, Text
from syncara.core.errors import Problem
from syncara.core.model import ExecutionStatus, Workflow
from syncara.core.views import Execution, snapshot
from tests.core.build import Run, group, step, task

NAME_MAX = 200
LONG = "&" * NAME_MAX
"""The longest name, of the character that grows most when it is escaped."""


def named(number: int) -> str:
    return f"{number:04}".ljust(NAME_MAX, "&")


def crowd(count: int, broken: int = 0) -> tuple[Execution, Workflow]:
    """A run of steps with the longest names; some have failed with long errors, others wait for the ones before."""
    steps = [step(named(0)), *(step(named(n), [named(n - 1)]) for n in range(1, count))]
    for n in range(broken):
        steps[n] = step(named(n), on_error="continue")
    run = Run(*steps, max_parallel_steps=100)
    for n in range(broken):
        run.fail(named(n), "&" * 4_000)
    definition = msgspec.structs.replace(run.plan.workflow, name=LONG, description="&" * 10_000)
    return msgspec.structs.replace(snapshot(run.board), workflow_name=LONG), definition


def answers() -> Iterator[Answer]:
    """Each answer at its longest."""
    execution, workflow = crowd(200, 60)
    cancelled = msgspec.structs.replace(
        execution, status=ExecutionStatus.CANCELLED, code="cancelled", error="&" * 4_000
    )
    problems = [Problem("wrong_type", f"step '{named(n)}', field 'x'", "&" * 999) for n in range(99)]
    problems += [Problem("new", "&" * 999, "")]
    yield from (status(run, 5_000.0, workflow) for run in (execution, cancelled))
    yield from (progress(execution), status_line(execution), announcement(execution), announcement(cancelled))
    yield from (
        why(execution, None, workflow),
        why(execution, named(0), workflow),
        why(execution, named(199), workflow),
    )
    yield from (execution_list([execution] * 100, 999, True), workflow_list([workflow] * 100, 999, True))
    yield from (workflow_tree(workflow), workflow_made(workflow), workflow_deleted("wf", LONG))
    yield from (
        step_added(LONG, LONG, 999),
        run_started("ex", LONG, "scheduled", 1e9),
        told("pause", "ex", LONG, False),
    )
    yield from (refusal(problems), refusal(problems[-1:]), not_done(problems[0]))
    commands = [CommandHelp(LONG, LONG * 9, [(LONG, LONG)] * 99, LONG * 9)] * 99
    yield from (command_help(commands), command_help(commands[:1]))


def test_no_answer_is_longer_than_a_message() -> None:
    """In no language and no form, with the longest of everything."""
    lengths = [len(render(answer, language, form)) for answer in answers() for language in LANGUAGES for form in FORMS]

    assert len(lengths) > 100
    assert max(lengths) <= CHARS_MAX


@settings(max_examples=50)
@given(
    st.lists(st.text(max_size=400), max_size=60),
    st.integers(0, 60),
    st.integers(1, 40),
    st.lists(st.text(max_size=60), max_size=3),
)
def test_rows_shown_and_rows_counted_are_all_rows(rows: list[str], around: int, rows_max: int, head: list[str]) -> None:
    """What is shown is one stretch around the row that matters; the rest is counted above and below."""
    numbered = list(enumerate(rows))
    lines = [Line((Text(text),)) for text in head]

    answer = fitted(
        lines, numbered, lambda row: Line((Text(f"{row[0]} {row[1]}"),), row[0] % 4), around=around, rows_max=rows_max
    )

    items = [line for line in answer.lines if line.depth is not None]
    counted = [
        part.args["n"] for line in items for part in line.parts if not isinstance(part, Text) and hasattr(part, "args")
    ]
    shown = [int(part.text.split(" ")[0]) for line in items for part in line.parts if isinstance(part, Text)]
    assert len(rows) == len(shown) + sum(int(str(n)) for n in counted)
    assert list(range(shown[0], shown[-1] + 1)) == shown if shown else rows == []
    assert not shown or around >= len(rows) or around in shown
    assert len(shown) <= rows_max
    assert all(len(render(answer, language, form)) <= CHARS_MAX for language in LANGUAGES for form in FORMS)


def test_of_a_large_batch_the_tasks_under_way_are_shown() -> None:
    """With how many there are above and below them."""
    run = Run(step("First"), group("Batch", *(task(f"{n}") for n in range(500))), max_parallel_steps=500)
    for n in range(200):
        run.succeed(f"Batch/{n}")
    run.succeed("First")

    rows = render(status(snapshot(run.board), run.now)).split("\n\n")[1].splitlines()

    assert ["… 192 more above", "   ✅ 190 · 0 ms"] == rows[:2]
    assert ["   ⏳ 219 · running · 0 ms", "… 280 more"] == rows[-2:]
    assert len(rows) == ROWS_MAX + 2
