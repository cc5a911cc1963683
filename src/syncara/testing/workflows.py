"""Random workflows and contexts: what there is to run."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from syncara.testing import language as say
from syncara.testing.language import Condition, Param
from syncara.testing.plan import Outcome, PlannedStep, PlannedWorkflow, Script, Write

NUMBERS = ("n1", "n2")
TEXTS = ("s1", "s2")
RESULTS = ("r1", "r2")
"""Keys that results are saved as; handlers write them too."""
BIG = "long"
"""A context key of every run that holds a long delay: only a rendered delay gets past the check of literal ones."""


def random_context(rng: Random) -> dict[str, Any]:
    context: dict[str, Any] = {BIG: 100}
    for key in NUMBERS:
        if rng.random() < 0.7:
            context[key] = rng.randrange(4)
    for key in TEXTS:
        if rng.random() < 0.7:
            context[key] = rng.choice(("ada", "{context.n1}", "a b", ""))
    if rng.random() < 0.7:
        context["d1"] = {"a": rng.randrange(4), "deep": {"x": rng.randrange(4)}}
    if rng.random() < 0.7:
        context["l1"] = [rng.randrange(4) for _ in range(rng.randrange(1, 4))]
    return context


def random_workflow(rng: Random, name: str) -> PlannedWorkflow:
    steps: list[PlannedStep] = []
    hurry = rng.random() < 0.12
    density = rng.choice((0.15, 0.3, 0.6))
    count = rng.choice((1, 2, 3, 4, 5, 6, 7, 9, 12))
    names = [f"Step {n + 1}" if n % 3 else f"S{n + 1}" for n in range(count + 1)]
    made = [_step(rng, names[n], names[:n], names[:count], density, hurry=hurry) for n in range(count + 1)]
    steps, added = made[:count], made[count]
    if rng.random() < 0.3:
        rng.shuffle(steps)
    return PlannedWorkflow(
        name=name,
        steps=tuple(steps),
        added=added if rng.random() < 0.1 else None,
        global_timeout=rng.choice((15.0, 40.0)) if hurry else 1800.0,
        recovery_timeout=rng.choice((5.0, 20.0, 300.0)),
        max_parallel_steps=rng.choice((1, 2, 2, 3, 5, 5)),
        auto_retry=rng.random() < 0.95,
    )


def random_step(rng: Random, workflow: PlannedWorkflow) -> PlannedStep:
    """One more step for a workflow."""
    before = [step.name for step in workflow.steps]
    return _step(rng, f"Step {len(before) + 1}", before, before, 0.3, hurry=False)


def _step(rng: Random, name: str, before: list[str], others: list[str], density: float, *, hurry: bool) -> PlannedStep:
    """A step that may depend on those before it. In a hurry delays are rendered, so that time can run out."""
    dependencies = tuple(step for step in before[-6:] if rng.random() < density)
    others = [step for step in others if step != name]
    run_when = "none_failed"
    if rng.random() < 0.3:
        run_when = rng.choice(("all_succeeded", "any_succeeded", "all_settled", "any_failed", "any_failed"))
    if not dependencies and run_when in ("any_succeeded", "any_failed"):
        run_when = "none_failed"
    condition = None
    if rng.random() < (0.3 if dependencies else 0.4):
        # A watcher is worth most when it is false at first and true later.
        later = not dependencies and rng.random() < 0.4
        condition = say.at_least(rng.choice(NUMBERS), 0, rng.choice((2, 3))) if later else _condition(rng, others)
    kind = rng.random()
    if kind < 0.14:
        tasks = tuple(_task(rng, f"T{n + 1}", others, hurry, 1) for n in range(rng.randrange(1, 4)))
        step = PlannedStep(name, "parallel_group", tasks=tasks)
    else:
        step = _single(rng, name, others, hurry, delay=kind < 0.28)
    return replace(
        step,
        dependencies=dependencies,
        condition=condition,
        run_when=run_when,
        on_error=rng.choice(("fail", "fail", "continue")),
        save_as=rng.choice((None, None, *RESULTS)),
    )


def _task(rng: Random, name: str, others: list[str], hurry: bool, depth: int) -> PlannedStep:
    kind = rng.random()
    if kind < 0.15 and depth < 2:
        tasks = tuple(_task(rng, f"U{n + 1}", others, hurry, depth + 1) for n in range(rng.randrange(1, 3)))
        step = PlannedStep(name, "parallel_group", tasks=tasks)
    else:
        step = _single(rng, name, others, hurry, delay=kind > 0.85)
    return replace(
        step,
        condition=_condition(rng, others) if rng.random() < 0.2 else None,
        on_error=rng.choice(("fail", "continue")),
        save_as=rng.choice((None, None, None, "r3")),
    )


def _single(rng: Random, name: str, others: list[str], hurry: bool, *, delay: bool) -> PlannedStep:
    if delay:
        seconds = say.literal(rng.choice((0, 0.5, 3, 3, 30)))
        if hurry:
            seconds = say.from_context(BIG)
        elif rng.random() < 0.2:
            seconds = say.from_context(rng.choice(("n1", "n1", "d1")))
        return PlannedStep(name, "delay", say.table({"seconds": seconds}))
    script = _script(rng)
    return PlannedStep(
        name,
        rng.choice(("work", "work", "work", "late")),
        params=_params(rng, others),
        on_crash=rng.choice(("retry", "retry", "retry", "retry", "fail", "ask")),
        timeout=rng.choice((4.0, 300.0)) if script.how != "hang" else rng.choice((4.0, 4.0, 30.0, 300.0)),
        retry_count=rng.choice((0, 1, 2, 2, 3)),
        retry_delay=rng.choice((0, 0.3, 2, 5)),
        retry_backoff=rng.choice((1.0, 2.0, 2.0, 3.0)),
        max_retry_delay=rng.choice((4, 300)),
        script=script,
    )


def _script(rng: Random) -> Script:
    fails = rng.choice((0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 9)) if rng.random() < 0.7 else 0
    how: Outcome = rng.choice(
        ("raise", "raise", "raise", "unsuccessful", "unsuccessful", "refuse", "non_retryable", "cancelled", "hang",
         "not_json", "retry_after")
    )  # fmt: skip
    return Script(
        seconds=rng.choice((0.0, 0.0, 0.01, 0.5, 2.0, 2.0, 9.0)),
        fails=fails,
        how=how if fails else "raise",
        data=rng.choice((None, 1, 2, 3, "text", {"x": 1, "y": [1, 2]}, [1, {"x": 2}], True)),
        writes=tuple(_write(rng) for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))),
        stubborn=rng.random() < 0.05,
        poison=rng.random() < 0.01,
    )


def _write(rng: Random) -> Write:
    kind = rng.random()
    if kind < 0.6:
        key = rng.choice((*NUMBERS, *NUMBERS, *TEXTS))
        return Write("set", key, rng.randrange(4) if key in NUMBERS else rng.choice(("bob", "{context.n2}", "x y")))
    if kind < 0.65:
        return Write("set", rng.choice(RESULTS), 7)
    if kind < 0.75:
        return Write("nest", "d1", rng.randrange(4))
    if kind < 0.9:
        return Write("append", "l1", rng.randrange(4))
    return Write("drop", rng.choice((*NUMBERS, *TEXTS, "d1")))


# What steps say.


def _condition(rng: Random, others: list[str]) -> Condition:
    if rng.random() < 0.2:
        a, b = _simple_condition(rng, others), _simple_condition(rng, others)
        return rng.choice((say.both, say.either))(a, b)
    if rng.random() < 0.1:
        return say.inverse(_simple_condition(rng, others))
    return _simple_condition(rng, others)


def _simple_condition(rng: Random, others: list[str]) -> Condition:
    kind = rng.randrange(10)
    if kind < 2:
        return say.equals(rng.choice(NUMBERS), rng.randrange(4))
    if kind == 2:
        return say.above(rng.choice(NUMBERS), rng.randrange(3))
    if kind < 5:
        return say.at_least(rng.choice(NUMBERS), rng.randrange(4), rng.randrange(4))
    if kind == 5 and rng.random() < 0.3:
        return say.holds(rng.randrange(3, 9))
    if kind == 5:
        return say.has(rng.choice((*NUMBERS, *TEXTS, *RESULTS)))
    if kind == 6 or not others:
        return say.error_occurred()
    other = rng.choice(others)
    if kind == 7:
        return say.failed_step(other)
    if kind == 8:
        return say.data_is(other, rng.choice((1, 2, 3, None)))
    return say.status_is(other, rng.choice(("completed", "completed", "failed", "skipped")))


def _params(rng: Random, others: list[str]) -> Param:
    if rng.random() < 0.25:
        return say.literal(rng.choice(({}, {"plain": [1, {"x": "{not one}"}]})))
    fields = {f"p{n}": _param(rng, others) for n in range(rng.randrange(1, 4))}
    if rng.random() < 0.3:
        fields["nested"] = say.row([_param(rng, others), say.table({"inner": _param(rng, others)})])
    return say.table(fields)


def _param(rng: Random, others: list[str]) -> Param:
    number, word = rng.choice(NUMBERS), rng.choice(TEXTS)
    kind = rng.randrange(12)
    if kind == 0 and rng.random() < 0.3:
        return say.from_context(rng.choice((number, word, "l1[0]", "d1.a")))  # may be missing
    if kind < 4:
        return say.from_context(rng.choice((number, word, "d1", "l1", "d1.deep.x", "l1[1]", "r1")), "none")
    if kind < 7:
        return say.text("n=", say.from_context(number, "none"), " of ", say.from_context(word, "none"), ".")
    if kind == 7:
        return say.escaped("{context.n1} stays")
    if kind == 8 and others and rng.random() < 0.5:
        return say.from_step(rng.choice(others))
    return say.literal(rng.choice((1, 2.5, "text", None, True, [1, 2], "{not one}")))
