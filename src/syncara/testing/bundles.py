"""Bundles for a scenario: what is asked for in one transaction, and runs that a person must approve first.

They have a source of chance of their own, so that the rest of a scenario is what it is without them.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from syncara.testing.plan import Bundle, Ending, Flaw, Operation, PlannedRun, Scenario, Steering
from syncara.testing.workflows import random_context, random_step, random_workflow

SHARE = 0.3
"""Of the scenarios have bundles."""


def with_bundles(scenario: Scenario) -> Scenario:
    rng = Random(f"bundles {scenario.seed}")
    return _Planner(rng, scenario).plan() if rng.random() < SHARE else scenario


class _Planner:
    def __init__(self, rng: Random, scenario: Scenario) -> None:
        self.rng = rng
        self.scenario = scenario
        self.workflows = list(scenario.workflows)
        self.runs = list(scenario.runs)
        self.operations = list(scenario.operations)

    def plan(self) -> Scenario:
        rng, scenario = self.rng, self.scenario
        moments = [self._moment() for _ in range(rng.choice((1, 2, 2, 3)))]
        if rng.random() < 0.5:
            moments = moments[:1] * len(moments)
        bundles = tuple(self._bundle(n, at) for n, at in enumerate(moments))
        full, endings = scenario.full, scenario.endings
        if rng.random() < 0.15:
            begin = moments[-1] + rng.choice((-0.01, 0.0, 0.001, 0.02))
            full = ((begin, begin + rng.choice((0.002, 0.05, 3.0))),)
        if rng.random() < 0.4:
            endings = (self._early_ending(), *endings)
        return replace(
            scenario,
            workflows=tuple(self.workflows),
            runs=tuple(self.runs),
            operations=tuple(self.operations),
            bundles=bundles,
            full=full,
            endings=endings,
        )

    def _moment(self) -> float:
        """When things happen anyway: a commit or a few after handlers return."""
        commits = self.rng.choice((0.0, 0.5, 1.0, 2.0, 3.0))
        return self.rng.choice((0.0, 0.01, 0.5, 1.0, 2.0)) + commits * self.scenario.commit_seconds

    def _early_ending(self) -> Ending:
        rng = self.rng
        return Ending(
            rng.choice(("before_commit", "after_commit", "after_acknowledgement", "clean_stop")),
            nth=rng.choice((1, 2, 3, 5)),
            seconds=rng.choice((0.0, 0.005, 0.011, 0.5, 2.001)),
            downtime=rng.choice((0.0, 5.0, 60.0)),
        )

    def _bundle(self, number: int, at: float) -> Bundle:
        rng = self.rng
        change = rng.random()
        defines = self._define() if change < 0.25 else None
        adds_to = self._extend() if change > 0.85 else None
        starts = tuple(self._start(at, defines, adds_to) for _ in range(rng.choice((0, 1, 2, 2, 3))))
        flaws: tuple[Flaw, ...] = ("stale", "taken", "raises", "undefined")
        flawed = rng.random() < 0.35
        self.operations.append(Operation("bundle", number, at))
        return Bundle(
            starts=starts,
            steers=self._steers(),
            defines=defines,
            adds_to=adds_to,
            flaw=rng.choice(flaws if starts else flaws[:3]) if flawed else None,
            again=rng.random() < 0.5,
        )

    def _define(self) -> int:
        self.workflows.append(random_workflow(self.rng, f"W{len(self.workflows) + 1}"))
        return len(self.workflows) - 1

    def _extend(self) -> int | None:
        """Plan one more step for a workflow that gets none otherwise."""
        number = self.rng.randrange(len(self.scenario.workflows))
        workflow = self.workflows[number]
        if workflow.added is not None:
            return None
        self.workflows[number] = replace(workflow, added=random_step(self.rng, workflow))
        return number

    def _start(self, at: float, defines: int | None, adds_to: int | None) -> int:
        rng, number = self.rng, len(self.runs)
        own = [n for n in (defines, adds_to) if n is not None]
        workflow = rng.choice(own) if own and rng.random() < 0.7 else rng.randrange(len(self.scenario.workflows))
        run = PlannedRun(
            workflow,
            random_context(rng),
            ahead=rng.choice((0.0, 2.0, 30.0)) if rng.random() < 0.35 else None,
            approve_within=rng.choice((0.0, 0.5, 3.0, 3.0, 20.0, 20.0, 60.0)) if rng.random() < 0.7 else None,
        )
        self.runs.append(run)
        if run.approve_within is not None:
            self._answers(number, at, run.approve_within)
        return number

    def _answers(self, run: int, at: float, within: float) -> None:
        """What people do about a run that waits for an approval; now and then nothing."""
        rng = self.rng
        soon = at + rng.choice((0.01, 0.2, 1.0, within / 2))
        late = at + within + rng.choice((-0.1, -0.001, 0.0, 0.001, 1.0))
        fate = rng.randrange(10)
        if fate < 3:
            self.operations.append(Operation("approve", run, soon, rng.choice((None, 1)), twice=rng.random() < 0.3))
        elif fate < 6:
            self.operations.append(Operation("pause", run, at, 1))
            if fate < 5:
                self.operations.append(Operation("approve", run, soon, twice=rng.random() < 0.3))
            self.operations.append(Operation("resume", run, rng.choice((soon, soon + 0.5, late, late + 5.0))))
        elif fate == 6:
            self.operations.append(Operation("cancel", run, soon, rng.choice((None, 1))))
        elif fate < 9:
            self.operations.append(Operation("approve", run, late, twice=rng.random() < 0.3))

    def _steers(self) -> tuple[tuple[Steering, int], ...]:
        """Of any run there is so far, those of the bundle itself included; often one run more than once."""
        rng = self.rng
        verbs: tuple[Steering, ...] = ("pause", "resume", "cancel", "approve", "approve")
        count = rng.choice((0, 1, 2, 2, 3))
        runs = rng.choices(range(len(self.runs)), k=count)
        if rng.random() < 0.5:
            runs = runs[:1] * count
        return tuple((rng.choice(verbs), run) for run in runs)
