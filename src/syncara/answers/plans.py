"""Plans: what a run would do and what of that needs a person, the question to that person, and what came of it.

Whoever reads them decides by them, and what they speak of was written by a model: see `effects`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from syncara.answers.effects import Decision, PlannedEffect, Row, Rows, address, row_line, rows
from syncara.answers.failures import rule
from syncara.answers.fit import CHARS_MAX, DETAIL_CHARS, LEAD_CHARS, NAME_CHARS, chars_of, fitted, more
from syncara.answers.model import Answer, AnyPart, Code, Icon, Line, Message, Strong, Text, message
from syncara.answers.reasons import NAMES_SHOWN
from syncara.answers.text import cut, ends, few, literal, moment, span, unmarked
from syncara.answers.tree import DOT
from syncara.answers.workflows import branches, drawn
from syncara.core.model import Workflow

Outcome = Literal["approved", "refused", "expired"]
Id = int | str

HASH_CHARS = 12
EFFECTS_CHARS, WAITS_CHARS, WAITS_SHOWN = 1_800, 500, 5
"""How much of a plan its effects and its waits may take; the tree of the steps has the rest."""
QUESTION_CHARS = 2_300
"""How much there is room for in every question, whatever it is called and whoever asked."""
_ICONS: dict[Decision, str] = {"deny": "refused", "approve": "awaiting_approval", "allow": "allowed"}


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
    too_much: bool = False
    """Whether it is more than one question to a person can show."""


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
    if planned.too_much:
        tail.append(Line((Icon("refused"), message("plan.too_much"))))
    if planned.decision == "approve":
        tail += approval_note(planned.approvers, planned.effects).lines
    return fitted(head, list(branches(workflow.steps)), drawn, tail)


def _hash(plan_hash: str) -> Message:
    return message("plan.hash", hash=Code(plan_hash[:HASH_CHARS]))


# Effects.


def _effects(effects: Sequence[PlannedEffect]) -> list[Line]:
    found = rows(effects, _judged, EFFECTS_CHARS)
    if not found.lines:
        return [Line((message("plan.no_effects"),))]
    rest = [more("more.below", found.hidden)] if found.hidden else []
    return [Line((message("plan.effects", n=len(found.lines) + found.hidden),)), *found.lines, *rest]


def _judged(row: Row, detail_chars: int) -> Line:
    """A row, with what becomes of it."""
    decision = row.effects[0].decision
    why = () if decision == "allow" else (DOT, message(f"plan.rule_{decision}", rule=rule(row.effects[0].rule)))
    return Line((Icon(_ICONS[decision]), *row_line(row, detail_chars).parts, *why), 0)


# Waits.


def _waits(waits: Sequence[Wait]) -> tuple[Line, ...]:
    if not waits:
        return ()
    head = Line((message("plan.waits", n=len(waits)),))
    return fitted((head,), waits, _wait, rows_max=WAITS_SHOWN, chars_max=WAITS_CHARS).lines


def _wait(wait: Wait) -> Line:
    why: AnyPart = message("plan.wait_person")
    if wait.kind == "delay" and wait.seconds is None:
        why = message("plan.wait_value", value=Code(address(wait.value)))
    elif wait.seconds is not None:
        why = Text(span(wait.seconds))
    icon = Icon("delayed" if wait.kind == "delay" else "waiting")
    return Line((icon, Text(cut(wait.step, NAME_CHARS)), DOT, why), 0)


# Approval.


def question_rows(effects: Iterable[PlannedEffect], room: int = QUESTION_CHARS) -> Rows:
    """What of a plan needs a person, as a question shows it in that many characters."""
    asked = (effect._replace(rule="") for effect in effects if effect.decision == "approve")
    return rows(asked, row_line, room)


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
    approvers: Sequence[Id] | None = None,
) -> Answer:
    """Asks a person for a plan: with every effect that needs one. If there are more than it can show, it says so first.

    Times are Unix seconds; `start_at` is that of a start that lies ahead. `how`: what the person writes to answer,
    where that does not show in another way. Without `approvers` it says so; with None, whoever
    reads it is one.
    """
    effects = list(effects)
    asked = message("approval.asked", name=Strong(cut(workflow_name, NAME_CHARS)))
    by = () if asked_by is None else (DOT, message("approval.asked_by", user=_person(asked_by)))
    head = [Line((Icon("awaiting_approval"), asked, *by)), Line((message("approval.would"),))]
    start = () if start_at is None else (message("approval.starts", moment=Text(moment(start_at))), DOT)
    tail = [Line((*start, *_until(approval_id, plan_hash, expires_at)))]
    if how:
        tail.append(Line((message("approval.how", how=Code(cut(how, DETAIL_CHARS))),)))
    found = question_rows(effects, CHARS_MAX - sum(map(chars_of, [*head, *tail, _unshown(0)])))
    if approvers is not None and not approvers:
        tail += approval_note((), effects).lines  # takes no room from the rows: chats take a little more
    first = [_unshown(found.hidden)] if found.hidden else []
    return Answer((*first, *head, *found.lines, *tail))


def _until(approval_id: str, plan_hash: str, expires_at: float) -> tuple[AnyPart, ...]:
    until = message("approval.until", moment=Text(moment(expires_at)))
    return until, DOT, _hash(plan_hash), DOT, Code(approval_id)


def _unshown(count: int) -> Line:
    return Line((Icon("completed_with_errors"), message("approval.unshown", n=count)))


def _person(user_id: Id) -> Code:
    return Code(ends(literal(str(user_id)), NAME_CHARS))


def approval_awaited(
    approvers: Sequence[Id],
    effects: Iterable[PlannedEffect],
    *,
    approval_id: str,
    plan_hash: str,
    expires_at: float,
) -> tuple[Line, ...]:
    """What a run waits for, below how it stands: who may approve it, until when, and the id to answer with."""
    return Line(_until(approval_id, plan_hash, expires_at)), *approval_note(approvers, effects).lines


def approval_note(approvers: Sequence[Id], effects: Iterable[PlannedEffect] = ()) -> Answer:
    """Who may approve a plan; or that nobody is set who may, and which step keeps whoever asked from it."""
    if not approvers:
        nobody = Line((Icon("refused"), message("approval.nobody")))
        beyond = (effect.step for effect in effects if effect.decision == "approve" and effect.own is False)
        step = next(beyond, None)
        if step is None:
            return Answer((nobody,))
        name = Text(cut(unmarked(step), NAME_CHARS // 2))
        return Answer((nobody, Line((message("approval.beyond", step=name),))))
    names = Text(few([literal(str(each)) for each in approvers], NAMES_SHOWN, NAME_CHARS))
    return Answer((Line((Icon("awaiting_approval"), message("approval.by", users=names))),))


def approval_answered(
    outcome: Outcome, workflow_name: str, execution_id: str, user_id: Id | None = None, reason: str | None = None
) -> Answer:
    """What came of the question: `user_id` has answered it, or nobody has in time."""
    name = Strong(cut(workflow_name, LEAD_CHARS))
    who = () if user_id is None else (DOT, message("approval.answered_by", user=_person(user_id)))
    why = (DOT, Text(cut(reason, DETAIL_CHARS))) if reason else ()
    said = message(f"approval.{outcome}", name=name)
    return Answer((Line((Icon(outcome), said, *who, *why, DOT, Code(execution_id))),))
