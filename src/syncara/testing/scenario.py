"""Scenarios from seeds: the same seed gives the same workflows, scripts, operations and crashes, everywhere."""

from __future__ import annotations

from random import Random
from typing import Any

from syncara.testing.bundles import with_bundles
from syncara.testing.plan import Boundary, Ending, Operation, PlannedRun, PlannedWorkflow, Scenario
from syncara.testing.workflows import random_context, random_workflow


def scenario(seed: int) -> Scenario:
    rng = Random(seed)
    workflows = tuple(random_workflow(rng, f"W{n + 1}") for n in range(rng.choice((1, 1, 1, 2))))
    runs = tuple(
        PlannedRun(rng.randrange(len(workflows)), random_context(rng), _ahead(rng))
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))
    )
    full: tuple[tuple[float, float], ...] = ()
    if rng.random() < 0.15:
        begin = rng.choice((0.003, 0.01, 0.3, 0.49, 1.9, 4.0, 10.0))
        full = ((begin, begin + rng.choice((0.5, 5.0, 40.0))),)
    plain = Scenario(
        seed=seed,
        workflows=workflows,
        runs=runs,
        operations=_operations(rng, workflows, runs),
        endings=_endings(rng),
        full=full,
        commit_seconds=rng.choice((0.0, 0.002, 0.002, 0.05)),
        inline=rng.choice((0.0, 0.5, 1.0)),
    )
    return with_bundles(plain)


def _ahead(rng: Random) -> float | None:
    return rng.choice((0.0, 2.0, 30.0)) if rng.random() < 0.12 else None


# What people do, and what goes wrong.


def _operations(
    rng: Random, workflows: tuple[PlannedWorkflow, ...], runs: tuple[PlannedRun, ...]
) -> tuple[Operation, ...]:
    operations = [
        Operation("execute", n, at=rng.choice((0.0, 0.0, 0.0, 1.0, 4.0)), twice=rng.random() < 0.1)
        for n in range(len(runs))
    ]
    for n in range(len(runs)):
        if rng.random() < 0.3:
            events = rng.randrange(2, 14) if rng.random() < 0.6 and runs[n].ahead is None else None
            begin = rng.choice((0.0, 0.1, 1.0, 3.0))
            operations.append(Operation("pause", n, begin, events, twice=rng.random() < 0.2))
            end = begin + rng.choice((0.5, 2.0, 10.0, 60.0))
            operations.append(Operation("resume", n, end, twice=rng.random() < 0.2))
        if rng.random() < 0.12:
            events = rng.randrange(2, 20) if rng.random() < 0.7 else None
            operations.append(Operation("cancel", n, rng.choice((0.0, 0.5, 5.0)), events, twice=rng.random() < 0.2))
    for n, workflow in enumerate(workflows):
        if workflow.added is not None:
            operations.append(Operation("add_step", n, rng.choice((0.5, 2.0))))
    if rng.random() < 0.05:
        operations.append(Operation("shift", at=rng.choice((0.5, 3.0)), seconds=rng.choice((-50.0, -1.0, 30.0))))
    return tuple(operations)


def _endings(rng: Random) -> tuple[Ending, ...]:
    if rng.random() < 0.35:
        return ()
    focus: Boundary | None = rng.choice((None, None, "handler_works"))
    return tuple(_ending(rng, focus) for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4, 5))))


def _ending(rng: Random, focus: Boundary | None) -> Ending:
    boundary: Any = focus or rng.choice(
        ("before_commit", "before_commit", "after_commit", "after_commit", "after_acknowledgement", "handler_begins",
         "handler_works", "handler_works", "handler_ends", "clean_stop", "clean_stop", "killed_while_stopping")
    )  # fmt: skip
    return Ending(
        boundary,
        nth=1 if boundary == "killed_while_stopping" else rng.choice((1, 1, 2, 3, 4, 6, 9)),
        seconds=rng.choice((0.0, 0.005, 0.5, 1.0, 3.0, 12.0)),
        downtime=rng.choice((0.0, 0.1, 5.0, 60.0)),
        late=rng.choice((0.0, 2.0, 8.0)) if rng.random() < 0.25 else None,
    )
