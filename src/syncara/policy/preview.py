"""What a plan would do, before anything of it happens: its effects, its waits, and how long it can take."""

from __future__ import annotations

import msgspec

from syncara import answers
from syncara.answers import Answer, Form, Language, PlannedEffect, Wait
from syncara.core.errors import Problem
from syncara.core.graph import Plan
from syncara.core.machine import JITTER_MAX, is_seconds
from syncara.core.model import CORE_HANDLERS, DELAY, GROUP, Step, Workflow
from syncara.policy.effects import Effect
from syncara.policy.gate import Judgement
from syncara.policy.judge import Judged
from syncara.policy.policy import Decision, Id


class Preview(msgspec.Struct, frozen=True):
    """What a plan would do, before anything of it happens. `effects` are those of `judged`."""

    plan_hash: str
    """Of the definition with its context and start: what an approval is for, and what then runs."""
    decision: Decision
    """What becomes of the plan when an assistant asks for it: the strictest of its effects, or `deny` where one
    question to a person could not show all that needs approval."""
    judged: tuple[Judged, ...]
    """Each step's effect, with what the policy says of it and the line that says so."""
    approvers: tuple[Id, ...]
    """Who may approve it; nobody where it needs no approval, or nobody is set who may."""
    waits: tuple[Wait, ...]
    longest_s: float
    """The most seconds that the definition lets a run take.

    That is the longest chain of steps, with their delays, all their attempts up to the timeout, the waits between
    these, and the time for which others can take the slots; never more than the global timeout, plus the recovery
    timeout where there are recovery steps. Not in it is what no definition bounds: time paused, time spent waiting for
    a person or a missing handler, time in which no program runs it, what is repeated after that, and whatever a server
    asks a retry to wait beyond its own wait.
    """
    attempts: int
    """How often handlers are called at the most, retries included, unless the program ends under one."""
    text: str
    """All of this for people."""

    @property
    def effects(self) -> tuple[Effect, ...]:
        return tuple(each.effect for each in self.judged)


def preview(workflow: Workflow, judgement: Judgement, language: Language = "en", form: Form = "plain") -> Preview:
    """For a definition in which `core.check.problems` finds nothing, and what `Gate.plan` says of it."""
    found = _planned(workflow, judgement)
    return Preview(
        judgement.hash,
        found.decision,
        judgement.verdict.judged,
        judgement.approvers,
        tuple(found.waits),
        found.longest_s,
        found.attempts,
        answers.render(answers.plan(found), language, form),
    )


def answer(workflow: Workflow, judgement: Judgement) -> Answer:
    """`Preview.text`, before it has a language and a form."""
    return answers.plan(_planned(workflow, judgement))


def planned(effect: Effect, decision: Decision = "approve", rule: str = "") -> PlannedEffect:
    """An effect as answers show it, with what becomes of it and why."""
    return PlannedEffect(**msgspec.structs.asdict(effect), decision=decision, rule=rule)


def too_much(judgement: Judgement) -> list[Problem]:
    """What keeps a plan from being asked about: a person could not be shown all that they would approve."""
    rows = answers.question_rows(_effects(judgement))
    if not rows.hidden:
        return []
    count = len(rows.lines) + rows.hidden
    message = f"{count} different things of it need a person's approval, more than one question can show"
    return [Problem("too_many_effects", "", message, "split it into runs with fewer different effects")]


def _effects(judgement: Judgement) -> list[PlannedEffect]:
    return [planned(each.effect, each.decision, each.rule) for each in judgement.verdict.judged]


def _planned(workflow: Workflow, judgement: Judgement) -> answers.Planned:
    plan = Plan(workflow)
    refused = bool(too_much(judgement))
    return answers.Planned(
        workflow,
        judgement.hash,
        "deny" if refused else judgement.verdict.decision,
        _effects(judgement),
        judgement.approvers,
        [wait for step in plan.steps if (wait := _wait(step)) is not None],
        longest_s(plan),
        sum(1 + _retries(workflow, step) for step in plan.steps if step.handler not in CORE_HANDLERS),
        refused,
    )


def _wait(step: Step) -> Wait | None:
    if step.handler == DELAY:
        seconds = step.params.get("seconds")
        known = is_seconds(seconds)
        return Wait(step.name, "delay", seconds if known else None, "" if known else str(seconds))
    asks = step.on_crash == "ask" and step.handler not in CORE_HANDLERS
    return Wait(step.name, "person") if asks else None


def longest_s(plan: Plan) -> float:
    """See `Preview.longest_s`."""
    workflow = plan.workflow
    limit = workflow.global_timeout + (workflow.recovery_timeout if any(plan.recovery) else 0)
    # Work holds a slot and a retry's wait holds none. Whenever a chain waits for a slot, all of them are at work: that
    # is at most the work of all steps, shared out over the slots. As it counts all work, the chain's own counts less.
    work = [_work(workflow, step, limit) for step in plan.steps]
    slots = workflow.max_parallel_steps
    busy = sum(step.handler != GROUP for step in plan.steps) > slots
    share = 1 / slots if busy else 0.0
    weights = [done * (1 - share) + _retry_waits(workflow, step) for done, step in zip(work, plan.steps, strict=True)]
    return min(_chain(plan, weights) + sum(work) * share, limit)


def _chain(plan: Plan, weights: list[float]) -> float:
    """The longest chain of steps; a group weighs as much as its heaviest task.

    A watcher follows no step, but can start when any other has ended, so that each may begin a chain after the others.
    """
    for task in reversed(range(plan.top, len(plan.steps))):  # a group comes before its tasks
        group = plan.parents[task]
        weights[group] = max(weights[group], weights[task])
    rests = weights[: plan.top]
    for i in reversed(plan.order()):
        rests[i] += max((rests[follower] for follower in plan.followers[i]), default=0.0)
    watchers = set(plan.watchers)
    first = max((rest for i, rest in enumerate(rests) if i not in watchers), default=0.0)
    return first + sum(rests[i] for i in watchers)


def _work(workflow: Workflow, step: Step, unknown: float) -> float:
    """The seconds for which a step holds a slot at the most; `unknown` where they depend on the run."""
    if step.handler == GROUP:
        return 0.0
    if step.handler == DELAY:
        seconds = step.params.get("seconds")
        return seconds if is_seconds(seconds) else unknown
    return step.timeout * (1 + _retries(workflow, step))


def _retries(workflow: Workflow, step: Step) -> int:
    return step.retry_count if workflow.auto_retry else 0


def _retry_waits(workflow: Workflow, step: Step) -> float:
    if step.handler in CORE_HANDLERS:
        return 0.0
    total, wait = 0.0, float(step.retry_delay)
    for _ in range(_retries(workflow, step)):
        total += min(wait, step.max_retry_delay)
        wait *= step.retry_backoff
    return total * (1 + JITTER_MAX)
