"""One run on a terminal: `view` draws it as it is, `follow` keeps the picture true until the run ends.

This module imports rich; nothing imports this module before there is something to show.
"""

from __future__ import annotations

import time

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from syncara.answers.text import span
from syncara.app import MultiStepProcessor
from syncara.core import events as e
from syncara.core.model import ExecutionStatus, StepStatus
from syncara.core.views import Execution, StepState

WIDTH_MAX = 100
"""Columns; on a wider terminal the lines would be harder to read, not easier."""
FRAMES_PER_S = 10
BAR_CELLS = 16
NAME_CELLS_MAX = 32
REASON_CHARS_MAX = 300
"""Of an error or a reason in the picture, where other steps need room too; lines show the whole."""
LINES_AROUND = 8
"""What a terminal holds beside the rows of steps: the head, the bar, and a few lines of whoever prints above."""

STEP_LOOKS = {
    StepStatus.PENDING: ("○", "dim"),
    StepStatus.RUNNING: ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "cyan"),
    StepStatus.DELAYED: ("◔", "cyan"),
    StepStatus.RETRYING: ("↻", "yellow"),
    StepStatus.WAITING: ("?", "yellow"),
    StepStatus.BLOCKED: ("!", "yellow"),
    StepStatus.COMPLETED: ("✓", "green"),
    StepStatus.FAILED: ("✗", "red"),
    StepStatus.SKIPPED: ("-", "dim"),
    StepStatus.CANCELLED: ("■", "red"),
}
"""The frames of an icon, and its style."""
RUN_STYLES = {
    ExecutionStatus.SCHEDULED: "cyan",
    ExecutionStatus.AWAITING_APPROVAL: "yellow",
    ExecutionStatus.RUNNING: "cyan",
    ExecutionStatus.PAUSED: "yellow",
    ExecutionStatus.COMPLETED: "green",
    ExecutionStatus.COMPLETED_WITH_ERRORS: "yellow",
    ExecutionStatus.FAILED: "red",
    ExecutionStatus.CANCELLED: "red",
}
CHANGES = {
    e.StepScheduled: "running",
    e.StepExpanded: "running",
    e.StepSucceeded: "completed",
    e.StepJoined: "completed",
    e.StepWoke: "completed",
    e.StepErred: "error",
    e.RetryPlanned: "retrying",
    e.StepSlept: "delayed",
    e.StepWaiting: "waiting",
    e.StepBlocked: "blocked",
    e.StepFailed: "failed",
    e.StepSkipped: "skipped",
    e.StepCancelled: "cancelled",
    e.Started: "started",
    e.Paused: "paused",
    e.Resumed: "resumed",
    e.Cancelled: "cancelled",
    e.Approved: "approved",
    e.RunnerLost: "taken up after its process ended",
    e.TimedOut: "timed out",
}
"""What a line says of an event. A run's end says its status; ticks and signals show in what they bring about."""


# The picture.


def view(run: Execution, now: float, rows_max: int | None = None) -> RenderableType:
    """The run as it stands at Unix time `now`: its bar, and a row for each step, at most `rows_max` of them."""
    parts: list[RenderableType] = [_title(run, now), _bar(run), Text(), _table(run, now, rows_max)]
    if run.error is not None and all(step.error != run.error for step in run.steps.values()):
        parts.append(Text(plain(run.error), "red"))
    return Constrain(Group(*parts), WIDTH_MAX)


def _title(run: Execution, now: float) -> Table:
    title = Table.grid(expand=True, padding=(0, 1))
    title.add_column(ratio=1, no_wrap=True)
    title.add_column(no_wrap=True)
    title.add_column(justify="right", no_wrap=True)
    took = "" if run.started_at is None else f" · {span((run.finished_at or now) - run.started_at)}"
    title.add_row(
        Text(plain(run.workflow_name), "bold", overflow="ellipsis"),
        Text(run.id, "dim"),
        Text.assemble((run.status, f"bold {RUN_STYLES[run.status]}"), took),
    )
    return title


def _bar(run: Execution) -> Table:
    bar = Table.grid(expand=True, padding=(0, 1))
    bar.add_column(ratio=1)
    bar.add_column(justify="right", width=5)
    style = RUN_STYLES[run.status]
    bar.add_row(
        ProgressBar(total=100, completed=run.progress, complete_style=style, finished_style=style),
        f"{run.progress:.0f} %",
    )
    return bar


def _table(run: Execution, now: float, rows_max: int | None) -> Table:
    table = Table(box=None, expand=True, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(width=1, no_wrap=True)
    table.add_column("step", max_width=NAME_CELLS_MAX, overflow="fold")
    table.add_column("state", no_wrap=True, min_width=9)
    table.add_column(ratio=1, min_width=BAR_CELLS, overflow="fold")
    table.add_column("start", justify="right", no_wrap=True, min_width=6)
    table.add_column("took", justify="right", no_wrap=True, min_width=6)
    above, steps, below = _window(list(run.steps.values()), rows_max)
    if above:
        table.add_row("", Text(f"… {above} more above", "dim"))
    for step in steps:
        table.add_row(*_row(run, step, now))
    if below:
        table.add_row("", Text(f"… {below} more below", "dim"))
    return table


def _window(steps: list[StepState], rows_max: int | None) -> tuple[int, list[StepState], int]:
    """How many steps are left out above, the steps to show, how many below: those around the first open one."""
    if rows_max is None or len(steps) <= rows_max:
        return 0, steps, 0
    first_open = next((i for i, step in enumerate(steps) if not step.status.final), len(steps))
    start = max(0, min(first_open - rows_max // 3, len(steps) - rows_max))
    return start, steps[start : start + rows_max], len(steps) - start - rows_max


def _row(run: Execution, step: StepState, now: float) -> tuple[Text, ...]:
    frames, style = STEP_LOOKS[step.status]
    group, _, task = step.name.rpartition("/")
    name = f"  {task}" if group in run.steps else step.name
    start = took = ""
    if step.started_at is not None and run.started_at is not None:
        start = f"+{step.started_at - run.started_at:.1f} s"
        took = span((step.finished_at or now) - step.started_at)
    return (
        Text(frames[int(now * FRAMES_PER_S) % len(frames)], style),
        Text(plain(name), "dim" if style == "dim" else ""),
        Text(step.status, style),
        _detail(step, now),
        Text(start, "dim"),
        Text(took),
    )


def _detail(step: StepState, now: float) -> Text:
    """What there is to say of a step in its state."""
    tries = f"{step.attempts} attempt{'s' if step.attempts != 1 else ''}"
    match step.status:
        case StepStatus.PENDING:
            return Text()
        case StepStatus.RUNNING:
            return Text(f"attempt {step.attempts}", "dim")
        case StepStatus.COMPLETED:
            return Text(tries, "dim")
        case StepStatus.DELAYED:
            return _countdown(step, now)
        case StepStatus.RETRYING:
            due = "" if step.wake_at is None else f" in {span(max(0.0, step.wake_at - now))}"
            again = f"attempt {step.attempts + 1}{due}" if step.error else f"attempt {step.attempts} again"
            return Text.assemble((again, "yellow"), f": {_short(step.error)}" if step.error else "")
        case StepStatus.FAILED:
            return Text.assemble((f"{tries}: ", "dim"), (_short(step.error), "red"))
        case _:
            return Text(_short(step.reason), "dim")


def _short(reason: str | None) -> str:
    text = plain(reason or "")
    return text if len(text) <= REASON_CHARS_MAX else f"{text[: REASON_CHARS_MAX - 1]}…"


def _countdown(step: StepState, now: float) -> Text:
    assert step.started_at is not None
    assert step.wake_at is not None
    left = step.wake_at - now
    length = max(step.wake_at - step.started_at, 0.001)
    full = max(0, min(BAR_CELLS, int(BAR_CELLS * (1 - left / length))))
    said = f" {span(left)} left" if left > 0 else f" due {span(-left)} ago"
    return Text.assemble(("━" * full, "cyan"), ("─" * (BAR_CELLS - full), "dim"), said)


def plain(text: str) -> str:
    """The text on one line and without control characters: whoever wrote it must not steer the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


# Following.


async def follow(
    processor: MultiStepProcessor, execution_id: str, console: Console | None = None, *, transient: bool = False
) -> Execution:
    """Show a run until it ends, and return it. Works beside the process that runs it.

    On a terminal this is a live view, which `transient` takes away at the end; elsewhere each change is a line of its
    own. Raises NotFoundError.
    """
    console = console or Console()
    if console.is_interactive:
        await _follow_live(processor, execution_id, console, transient)
    else:
        await _follow_lines(processor, execution_id, console)
    return processor.get_execution(execution_id)


async def _follow_live(processor: MultiStepProcessor, execution_id: str, console: Console, transient: bool) -> None:
    run = processor.get_execution(execution_id)
    stale = False

    def frame() -> RenderableType:
        # Taken once a frame, not once an event: a snapshot costs as much as the run has steps.
        nonlocal run, stale
        if stale:
            stale = False
            run = processor.get_execution(execution_id)
        return Padding(view(run, time.time(), max(3, console.height - LINES_AROUND)), (1, 0, 0, 0))

    with Live(get_renderable=frame, console=console, refresh_per_second=FRAMES_PER_S, transient=transient):
        async for _ in processor.watch(execution_id):
            stale = True


async def _follow_lines(processor: MultiStepProcessor, execution_id: str, console: Console) -> None:
    width = min(NAME_CELLS_MAX, max(map(cell_len, processor.get_execution(execution_id).steps), default=0))
    began = None
    async for event in processor.watch(execution_id):
        began = event.at if began is None else began
        said = _said(event)
        if said:
            name = plain(getattr(event, "step", "run"))
            padding = " " * (width - cell_len(name))
            console.print(Text(f"{event.at - began:6.1f} s  {name}{padding}  {said}"), soft_wrap=True)


def _said(event: e.AnyEvent) -> str:
    """What changed, in words; empty for an event that changes nothing by itself."""
    word = event.status if isinstance(event, e.Finished) else CHANGES.get(type(event))
    if word is None:
        return ""
    attempt, wake_at = getattr(event, "attempt", None), getattr(event, "wake_at", None)
    parts = [f"attempt {attempt}"] if attempt is not None else []
    if wake_at is not None:
        parts.append(f"{'in' if attempt is not None else 'for'} {span(wake_at - event.at)}")
    why = getattr(event, "error", None) or getattr(event, "reason", None)
    what = " ".join(parts) + (": " if parts and why else "") + plain(why or "")
    return f"{word:9}  {what}".rstrip()
