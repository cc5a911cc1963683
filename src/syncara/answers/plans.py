"""Plans: what a run would do and what of that needs a person, the question to that person, and what came of it.

Whoever reads them decides by them, and what they speak of was written by a model. So addresses keep both of their ends
when they are shortened, show what cannot be seen, and what needs a person comes before what does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from syncara.answers.catalogue import known
from syncara.answers.fit import DETAIL_CHARS, LEAD_CHARS, NAME_CHARS, ROWS_MAX, fitted
from syncara.answers.model import Answer, AnyPart, Code, Icon, Line, Message, Strong, Text, message
from syncara.answers.reasons import NAMES_SHOWN
from syncara.answers.text import cut, few, moment, span
from syncara.answers.tree import DOT
from syncara.answers.workflows import branches, drawn
from syncara.core.model import Workflow

Decision = Literal["allow", "approve", "deny"]
Outcome = Literal["approved", "refused", "expired"]
Id = int | str

HASH_CHARS = 12
ADDRESS_CHARS = 120
EFFECTS_CHARS, WAITS_CHARS, WAITS_SHOWN = 1_900, 500, 5
"""How much of a plan its effects and its waits may take; the tree of the steps has the rest."""
_DECISIONS: tuple[Decision, ...] = ("deny", "approve", "allow")
_ICONS: dict[Decision, str] = {"deny": "refused", "approve": "awaiting_approval", "allow": "allowed"}
_KINDS = ("message", "web", "file", "collection", "shortcode", "custom", "none")


class PlannedEffect(NamedTuple):
    """What a step would do (`policy.effects.Effect`), and what becomes of that (`policy.judge.Judged`)."""

    step: str
    kind: str
    handler: str
    operation: str
    address: Any
    own: bool | None
    decision: Decision
    rule: str
    detail: str = ""


class Wait(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step at which the run would wait, or might."""

    step: str
    kind: Literal["delay", "person"]
    """`person`: when the program ends in the middle of the step, somebody is asked whether it runs again."""
    seconds: float | None = None
    """Of a delay; None: `value` says it once the run is under way."""
    value: str = ""


class Planned(NamedTuple):
    """A plan that has been judged."""

    workflow: Workflow
    hash: str
    decision: Decision
    effects: Sequence[PlannedEffect]
    approvers: Sequence[Id]
    waits: Sequence[Wait]
    longest_s: float
    attempts: int
    """The most, retries included."""


def plan(planned: Planned) -> Answer:
    """The steps as a tree, every effect that they would have, and how long that can take."""
    workflow = planned.workflow
    name, verdict = Strong(cut(workflow.name, LEAD_CHARS)), message(f"plan.{planned.decision}")
    size = message("made.size", n=len(workflow.steps))
    longest = message("plan.longest", span=Text(span(planned.longest_s)))
    head = (
        Line((Icon(_ICONS[planned.decision]), name, DOT, verdict, DOT, _hash(planned.hash))),
        Line((size, DOT, longest, DOT, message("plan.attempts", n=planned.attempts))),
    )
    tail = [*_effects(planned.effects), *_waits(planned.waits)]
    if planned.decision == "approve":
        tail += approval_note(planned.approvers).lines
    return fitted(head, list(branches(workflow.steps)), drawn, tail)


def _hash(plan_hash: str) -> Message:
    return message("plan.hash", hash=Code(plan_hash[:HASH_CHARS]))


# Effects.


def _effects(effects: Sequence[PlannedEffect]) -> tuple[Line, ...]:
    rows = _grouped(effects)
    if not rows:
        return (Line((message("plan.no_effects"),)),)
    head = Line((message("plan.effects", n=len(rows)),))
    return fitted((head,), rows, _judged, chars_max=EFFECTS_CHARS).lines


class _Row(NamedTuple):
    """Effects that differ in nothing but their steps."""

    effect: PlannedEffect
    steps: list[str]


def _grouped(effects: Iterable[PlannedEffect]) -> list[_Row]:
    """What is not allowed, what needs a person, then the rest, each by kind. Steps without effect are left out."""
    rows: dict[str, _Row] = {}
    for effect in effects:
        if effect.kind != "none" or effect.decision != "allow":
            rows.setdefault(repr(effect._replace(step="")), _Row(effect, [])).steps.append(effect.step)
    found = sorted(rows.values(), key=lambda row: (_rank(row), _KINDS.index(row.effect.kind)))
    if len(found) <= ROWS_MAX:
        return found
    # Not all will be seen: many of one kind must not hide another, so the first of each goes before the second of any.
    first = {(row.effect.kind, row.effect.handler): row for row in reversed(found)}
    return sorted(found, key=lambda row: (_rank(row), row is not first[row.effect.kind, row.effect.handler]))


def _rank(row: _Row) -> int:
    return _DECISIONS.index(row.effect.decision)


def _effect(row: _Row) -> Line:
    steps = Text(few(row.steps, NAMES_SHOWN, NAME_CHARS // 2))
    detail = (Code(_address(row.effect.detail)),) if row.effect.detail else ()
    return Line((Icon(row.effect.kind), _does(row.effect), *detail, DOT, steps), 0)


def _judged(row: _Row) -> Line:
    """An effect, with what becomes of it."""
    decision, rule = row.effect.decision, Text(cut(row.effect.rule, DETAIL_CHARS))
    why = () if decision == "allow" else (DOT, message(f"plan.rule_{decision}", rule=rule))
    return Line((Icon(_ICONS[decision]), *_effect(row).parts, *why), 0)


def _does(effect: PlannedEffect) -> Message:
    """In words: what is done, and where."""
    address = Code(_address(effect.address))
    operation = Code(_address(effect.operation))
    match effect.kind:
        case "message" if effect.operation == "notify":
            return message("effect.notify")
        case "message":
            return message("effect.send") if effect.own else message("effect.send_to", chat=address)
        case "web" if effect.address is None:
            return message("effect.web_unclear", method=operation)
        case "web":
            return message("effect.web", method=operation, host=address)
        case "file" | "collection":
            where = message("effect.shared", name=address) if effect.own is False else address
            words = f"effect.{effect.kind}_{effect.operation}"
            if known(words):
                return message(words, where=where)
            return message("effect.other", operation=operation, where=where)
        case "shortcode":
            return message("effect.shortcode", shortcode=address, params=operation)
    return message("effect.handler", handler=Code(_address(effect.handler)))


def _address(value: Any) -> str:
    """The value on one line, with characters that cannot be seen spelled out; what is long keeps both of its ends."""
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(value))
    half = ADDRESS_CHARS // 2
    return text if len(text) <= ADDRESS_CHARS else f"{text[:half]}…{text[-half:]}"


# Waits.


def _waits(waits: Sequence[Wait]) -> tuple[Line, ...]:
    if not waits:
        return ()
    head = Line((message("plan.waits", n=len(waits)),))
    return fitted((head,), waits, _wait, rows_max=WAITS_SHOWN, chars_max=WAITS_CHARS).lines


def _wait(wait: Wait) -> Line:
    why: AnyPart = message("plan.wait_person")
    if wait.kind == "delay" and wait.seconds is None:
        why = message("plan.wait_value", value=Code(_address(wait.value)))
    elif wait.seconds is not None:
        why = Text(span(wait.seconds))
    icon = Icon("delayed" if wait.kind == "delay" else "waiting")
    return Line((icon, Text(cut(wait.step, NAME_CHARS)), DOT, why), 0)


# Approval.


def approval_question(
    workflow_name: str,
    asked_by: Id | None,
    effects: Iterable[PlannedEffect],
    *,
    approval_id: str,
    plan_hash: str,
    expires_at: float,
    start_at: float | None = None,
    how: str = "",
) -> Answer:
    """Asks a person for a plan: with every effect that needs one, as far as there is room.

    Times are Unix seconds; `start_at` is that of a start that lies ahead. `how`: what the person writes to answer,
    where that does not show in another way.
    """
    asked = message("approval.asked", name=Strong(cut(workflow_name, LEAD_CHARS)))
    by = () if asked_by is None else (DOT, message("approval.asked_by", user=Code(_address(asked_by))))
    head = [Line((Icon("awaiting_approval"), asked, *by)), Line((message("approval.would"),))]
    start = () if start_at is None else (message("approval.starts", moment=Text(moment(start_at))), DOT)
    until = message("approval.until", moment=Text(moment(expires_at)))
    tail = [Line((*start, until, DOT, _hash(plan_hash), DOT, Code(approval_id)))]
    if how:
        tail.append(Line((message("approval.how", how=Code(cut(how, DETAIL_CHARS))),)))
    rows = _grouped(effect for effect in effects if effect.decision == "approve")
    return fitted(head, rows, _effect, tail)


def approval_note(approvers: Sequence[Id]) -> Answer:
    """Who may approve a plan, or that nobody is set who may."""
    if not approvers:
        return Answer((Line((Icon("refused"), message("approval.nobody"))),))
    names = Text(few([_address(each) for each in approvers], NAMES_SHOWN, NAME_CHARS))
    return Answer((Line((Icon("awaiting_approval"), message("approval.by", users=names))),))


def approval_answered(
    outcome: Outcome, workflow_name: str, execution_id: str, user_id: Id | None = None, reason: str | None = None
) -> Answer:
    """What came of the question: `user_id` has answered it, or nobody has in time."""
    name = Strong(cut(workflow_name, LEAD_CHARS))
    who = () if user_id is None else (DOT, message("approval.answered_by", user=Code(_address(user_id))))
    why = (DOT, Text(cut(reason, DETAIL_CHARS))) if reason else ()
    said = message(f"approval.{outcome}", name=name)
    return Answer((Line((Icon(outcome), said, *who, *why, DOT, Code(execution_id))),))
