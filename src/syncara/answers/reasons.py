"""Why a step is as it is, and why a run failed, in words of the catalogues.

The words follow from the code of a step. What only this step can tell (the text of a condition, an error) stays as it
was written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from syncara.answers.catalogue import known
from syncara.answers.failures import failed
from syncara.answers.fit import DETAIL_CHARS, LEAD_CHARS, NAME_CHARS
from syncara.answers.model import AnyPart, Code, Message, Strong, Text, Wording, message
from syncara.answers.text import cut, few
from syncara.core.board import NOT_APPROVED
from syncara.core.model import ExecutionStatus, StepStatus
from syncara.core.views import Execution, StepState

NAMES_SHOWN = 3
_WAITS = {StepStatus.WAITING: "on_crash", StepStatus.BLOCKED: "turn"}
"""What a step waits for when it does not say: a waiting one for a person, a blocked one for its turn."""
_REFUSED_BY = re.compile(r"refused by (.+?)(?:: (.*))?", re.DOTALL)
"""How `policy.approvals` says in whose name a run was cancelled."""


def ended(
    step: StepState, execution: Execution, culprits: Sequence[StepState] = (), condition: str | None = None
) -> AnyPart:
    """Why a step was skipped or cancelled.

    `culprits` are the steps it depends on that did not go well, `condition` is its own.
    """
    if not known(f"reason.{step.code}"):
        return Text(cut(step.reason or step.code, DETAIL_CHARS))
    words = message(f"reason.{step.code}")
    detail = (step.reason or "").partition(": ")[2]
    match step.code:
        case "upstream_failed" if culprits:
            return message("reason.upstream_failed_in", steps=Text(names(culprits)))
        case "run_failed" if (failure := _in_step(execution, detail)) is not None:
            return message("detail", what=words, detail=failure)
        case "condition_false" | "never_true" if detail:
            return message("detail", what=words, detail=Code(cut(detail, DETAIL_CHARS)))
        case "condition_error" | "run_failed" if detail:
            said = message("detail", what=words, detail=Text(cut(detail, DETAIL_CHARS)))
            if step.code == "run_failed" or condition is None:
                return Wording(said, words)
            return Wording(said, message("detail", what=words, detail=Code(cut(condition, DETAIL_CHARS))))
        case "run_cancelled" if detail:
            return message("detail", what=words, detail=cancelled(detail))
    return words


def waits(step: StepState) -> AnyPart:
    """What a waiting or blocked step waits for."""
    code = step.code or _WAITS[step.status]
    return message(f"wait.{code}") if known(f"wait.{code}") else Text(cut(step.reason or code, DETAIL_CHARS))


def culprit(execution: Execution, error: str | None) -> StepState | None:
    """The step whose failure a run reports as its own."""
    for step in execution.steps.values():
        if step.status is StepStatus.FAILED and error == f"step '{step.name}' failed: {step.error}":
            return step
    return None


def run_failed(execution: Execution) -> AnyPart | None:
    """The first failure of a run, with its step; or why the run was cancelled."""
    if execution.error is None:
        return None
    if execution.status is ExecutionStatus.CANCELLED and execution.code in ("cancelled", "not_approved"):
        return cancelled(execution.error)
    return _in_step(execution, execution.error) or failed(execution.code, execution.error, LEAD_CHARS)


def _in_step(execution: Execution, error: str) -> Message | None:
    step = culprit(execution, error)
    if step is None:
        return None
    why = failed(step.code, step.error, LEAD_CHARS)
    return message("failed_in", step=Strong(cut(step.name, NAME_CHARS)), why=why)


def cancelled(reason: str) -> AnyPart:
    """Why a run was cancelled, where that was said."""
    if reason == NOT_APPROVED:
        return message("cancel.not_approved")
    refused = _REFUSED_BY.fullmatch(reason)
    if refused is None:
        return Text(cut(reason, LEAD_CHARS))
    words = message("cancel.refused_by", user=Text(cut(refused[1], NAME_CHARS)))
    return message("detail", what=words, detail=Text(cut(refused[2], LEAD_CHARS))) if refused[2] else words


def names(steps: Sequence[StepState]) -> str:
    """The names of the first few."""
    return few([step.name for step in steps], NAMES_SHOWN, NAME_CHARS // 2)
