"""The picture of a run says what there is to say of each step, and following it ends with the run."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from rich.console import Console

from syncara import Execution, ExecutionStatus, MultiStepProcessor, NotFoundError, StepState, StepStatus
from syncara.core import events as e
from syncara.core.views import Steps
from syncara.doors.cli.live import CHANGES, RUN_STYLES, STEP_LOOKS, follow, view
from syncara.stores.memory import MemoryStore

NOW = 1_000.0


def step(name: str, status: StepStatus = StepStatus.PENDING, **fields: Any) -> StepState:
    state = StepState(f"st_{name}", name, status, 0, None, None, None, None, None, None)
    return msgspec.structs.replace(state, **fields)


def run(*steps: StepState, status: ExecutionStatus = ExecutionStatus.RUNNING, **fields: Any) -> Execution:
    times = {"created_at": NOW - 10, "started_at": NOW - 10, "finished_at": None}
    kept: dict[str, Any] = {
        "error": None,
        "errors": [],
        "progress": 0.0,
        "user_id": None,
        "chat_id": None,
        "message_id": None,
    }
    given = {"steps": Steps(list(steps)), "context": {}, **times, **kept, **fields}
    return Execution(id="ex_1", workflow_id="wf_1", workflow_name="Tea", status=status, **given)


def drawn(execution: Execution, *, width: int = 100, rows_max: int | None = None) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(view(execution, NOW, rows_max))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def row(state: StepState) -> str:
    """The last line of a picture of one step, with single spaces."""
    return " ".join(drawn(run(state)).splitlines()[-1].split())


def test_every_state_and_event_has_its_look() -> None:
    """Nothing that the engine can say is missing from the picture or the lines."""
    shown_by_what_they_bring = {e.Ticked, e.Signalled}

    assert set(StepStatus) == set(STEP_LOOKS)
    assert set(ExecutionStatus) == set(RUN_STYLES)
    assert set(e.FACTS + e.DECISIONS) == set(CHANGES) | {e.Finished} | shown_by_what_they_bring


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (step("Boil"), "○ Boil pending"),
        (step("Boil", StepStatus.RUNNING, attempts=2, started_at=NOW - 3), "⠋ Boil running attempt 2 +7.0 s 3.0 s"),
        (
            step("Boil", StepStatus.DELAYED, attempts=1, started_at=NOW - 1, wake_at=NOW + 3),
            "◔ Boil delayed ━━━━──────────── 3.0 s left +9.0 s 1.0 s",
        ),
        (
            step("Boil", StepStatus.DELAYED, attempts=1, started_at=NOW - 5, wake_at=NOW - 2),
            "◔ Boil delayed ━━━━━━━━━━━━━━━━ due 2.0 s ago +5.0 s 5.0 s",
        ),
        (
            step("Boil", StepStatus.RETRYING, attempts=1, started_at=NOW - 1, wake_at=NOW + 0.5, error="no water"),
            "↻ Boil retrying attempt 2 in 0.5 s: no water +9.0 s 1.0 s",
        ),
        (
            step("Boil", StepStatus.RETRYING, attempts=1, started_at=NOW - 1),
            "↻ Boil retrying attempt 1 again +9.0 s 1.0 s",
        ),
        (step("Boil", StepStatus.WAITING, reason="a person decides"), "? Boil waiting a person decides"),
        (step("Boil", StepStatus.BLOCKED, reason="no handler 'boil'"), "! Boil blocked no handler 'boil'"),
        (
            step("Boil", StepStatus.COMPLETED, attempts=1, started_at=NOW - 8, finished_at=NOW - 3),
            "✓ Boil completed 1 attempt +2.0 s 5.0 s",
        ),
        (
            step("Boil", StepStatus.FAILED, attempts=4, started_at=NOW - 8, finished_at=NOW - 3, error="no water"),
            "✗ Boil failed 4 attempts: no water +2.0 s 5.0 s",
        ),
        (step("Boil", StepStatus.SKIPPED, reason="the condition is false"), "- Boil skipped the condition is false"),
        (step("Boil", StepStatus.CANCELLED, reason="the run was cancelled"), "■ Boil cancelled the run was cancelled"),
    ],
)
def test_a_row_says_what_there_is_to_say_of_a_step(state: StepState, expected: str) -> None:
    """Attempts, progress, reasons and times stand beside the state that they belong to."""
    assert expected == row(state)


def test_the_head_says_how_the_run_stands() -> None:
    """Name, id, status, time and progress of the run come first."""
    title, bar, *_ = drawn(run(step("Boil"), progress=50.0)).splitlines()

    assert "Tea ex_1 running · 10.0 s" == " ".join(title.split())
    assert bar.endswith(" 50 %")


def test_an_error_that_no_step_shows_is_shown_below() -> None:
    """A run that ended for a reason of its own says it."""
    failed = run(step("Boil", StepStatus.CANCELLED), status=ExecutionStatus.FAILED, error="longer than 30 s")

    assert "longer than 30 s" == drawn(failed).splitlines()[-1]


def test_tasks_are_indented_below_their_group() -> None:
    """A task of a group shows its own name only."""
    lines = drawn(run(step("Brew"), step("Brew/Green"), step("Tea/Pot"))).splitlines()[-3:]

    assert ["○  Brew", "○    Green", "○  Tea/Pot"] == [line.split(" pending")[0].rstrip() for line in lines]


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (0, ["0", "1", "2", "3", "… 6 more below"]),
        (5, ["… 4 more above", "4", "5", "6", "7", "… 2 more below"]),
        (10, ["… 6 more above", "6", "7", "8", "9"]),
    ],
)
def test_a_run_too_long_for_the_terminal_is_shown_around_its_open_steps(done: int, expected: list[str]) -> None:
    """The steps left out are counted above and below."""
    steps = [step(str(i), StepStatus.COMPLETED if i < done else StepStatus.PENDING) for i in range(10)]
    lines = drawn(run(*steps), rows_max=4).splitlines()[4:]

    assert expected == [line[3:].split("  ")[0] for line in lines]


def test_what_others_wrote_cannot_steer_the_terminal() -> None:
    """Control characters become spaces, and brackets are no markup."""
    text = drawn(run(step("[red]Boil\x1b[2J\n", StepStatus.WAITING, reason="a\rb [/red]")))

    assert "[red]Boil [2J" in text
    assert "a b [/red]" in text
    assert not {"\x1b", "\r"} & set(text)


def test_a_picture_keeps_to_the_width_of_its_terminal() -> None:
    """Long names and reasons are wrapped, not cut off."""
    reason = " ".join(["because"] * 20)
    text = drawn(run(step("A name " * 20, StepStatus.SKIPPED, reason=reason)), width=60)

    assert 60 >= max(map(len, text.splitlines()))
    assert 20 == text.count("because")
    assert 20 == text.count("name")


def test_a_very_long_error_leaves_room_for_the_other_steps() -> None:
    """It ends with an ellipsis; a line of its own shows it whole."""
    text = drawn(run(step("Boil", StepStatus.FAILED, attempts=1, error="x" * 4_000)))

    assert 299 == text.count("x") - "ex_1".count("x")
    assert 1 == text.count("…")


def kettle() -> MultiStepProcessor:
    processor = MultiStepProcessor(store=MemoryStore())

    @processor.register_handler("boil")
    def boil(step: Any, execution: Any) -> None:
        if execution.attempt == 1:
            raise RuntimeError("no water")

    return processor


TEA = {
    "name": "Tea",
    "steps": [
        {"name": "Boil", "handler": "boil", "retry_delay": 0},
        {"name": "Steep", "handler": "delay", "params": {"seconds": 0.01}, "dependencies": ["Boil"]},
        {
            "name": "Milk",
            "handler": "log",
            "params": {"message": "moo"},
            "dependencies": ["Boil"],
            "condition": "False",
        },
    ],
}


async def test_following_without_a_terminal_prints_a_line_per_change() -> None:
    """Each change is said once, in the order of the journal, up to the end of the run."""
    file = io.StringIO()
    async with kettle() as processor:
        execution_id = await processor.execute_workflow(processor.define(TEA))

        execution = await follow(processor, execution_id, Console(file=file))

    assert ExecutionStatus.COMPLETED == execution.status
    assert [
        "run started",
        "Boil running attempt 1",
        "Boil error attempt 1: RuntimeError: no water",
        "Boil retrying attempt 2 in 0 ms",
        "Boil running attempt 2",
        "Boil completed attempt 2",
        "Steep delayed for 10 ms",
        "Milk skipped the condition is false: False",
        "Steep completed",
        "run completed",
    ] == [" ".join(line.split()[2:]) for line in file.getvalue().splitlines()]


@pytest.mark.parametrize("transient", [False, True])
async def test_following_on_a_terminal_draws_the_run(transient: bool) -> None:
    """The last picture stays, unless it is to be taken away."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, height=24)
    async with kettle() as processor:
        execution_id = await processor.execute_workflow(processor.define(TEA))

        execution = await follow(processor, execution_id, console, transient=transient)

    erase_line = "\x1b[2K"
    assert ExecutionStatus.COMPLETED == execution.status
    assert "Steep" in file.getvalue()
    assert transient == file.getvalue().endswith(erase_line)


async def test_following_an_unknown_run_says_so() -> None:
    """There is nothing to wait for."""
    async with kettle() as processor:
        with pytest.raises(NotFoundError):
            await follow(processor, "ex_unknown", Console(file=io.StringIO()))


def test_importing_syncara_does_not_import_rich() -> None:
    """Whoever shows nothing does not pay for it."""
    code = "import sys, syncara; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False" == done.stdout.strip()
