"""Why a step is as it is, and why a run failed, in words of the catalogues.

The words follow from the code of a step. What only this step can tell (the text of a condition, an error) stays as it
was written.
"""

from __future__ import annotations

from collections.abc import Sequence

from syncara.answers.catalogue import known
from syncara.answers.fit import DETAIL_CHARS, LEAD_CHARS, NAME_CHARS
from syncara.answers.model import AnyPart, Code, Strong, Text, message
from syncara.answers.text import cut, few
from syncara.core.model import StepStatus
from syncara.core.views import Execution, StepState

NAMES_SHOWN = 3
_WAITS = {StepStatus.WAITING: "on_crash", StepStatus.BLOCKED: "turn"}
"""What a step waits for when it does not say: a waiting one for a person, a blocked one for its turn."""
_SAY_ALL = frozenset({"timeout", "crashed", "poison", "group_failed", "global_timeout"})
"""Codes of failures whose words leave nothing for the error to add."""


def ended(step: StepState, culprits: Sequence[StepState] = (), failure: AnyPart | None = None) -> AnyPart:
    """Why a step was skipped or cancelled.

    `culprits` are the steps it depends on that did not go well, `failure` is what the run failed of.
    """
    if not known(f"reason.{step.code}"):
        return Text(cut(step.reason or step.code, DETAIL_CHARS))
    words = message(f"reason.{step.code}")
    detail = (step.reason or "").partition(": ")[2]
    match step.code:
        case "upstream_failed" if culprits:
            return message("reason.upstream_failed_in", steps=Text(names(culprits)))
        case "run_failed" if failure is not None:
            return message("detail", what=words, detail=failure)
        case "condition_false" | "never_true" if detail:
            return message("detail", what=words, detail=Code(cut(detail, DETAIL_CHARS)))
        case "condition_error" | "run_failed" | "run_cancelled" if detail:
            return message("detail", what=words, detail=Text(cut(detail, DETAIL_CHARS)))
    return words


def failed(code: str, error: str | None, chars_max: int = DETAIL_CHARS) -> AnyPart:
    """Why a step or a run failed."""
    said = cut(error or code, chars_max)
    if not known(f"failure.{code}"):
        return Text(said)
    words = message(f"failure.{code}")
    return words if code in _SAY_ALL or not error else message("detail", what=words, detail=Text(said))


def waits(step: StepState) -> AnyPart:
    """What a waiting or blocked step waits for."""
    code = step.code or _WAITS[step.status]
    return message(f"wait.{code}") if known(f"wait.{code}") else Text(cut(step.reason or code, DETAIL_CHARS))


def culprit(execution: Execution) -> StepState | None:
    """The step whose failure the run reports as its own."""
    for step in execution.steps.values():
        if step.status is StepStatus.FAILED and execution.error == f"step '{step.name}' failed: {step.error}":
            return step
    return None


def run_failed(execution: Execution) -> AnyPart | None:
    """The first failure of a run, with its step; or why the run was cancelled."""
    if execution.error is None:
        return None
    step = culprit(execution)
    if step is None:
        return failed(execution.code, execution.error, LEAD_CHARS)
    why = failed(step.code, step.error, LEAD_CHARS)
    return message("failed_in", step=Strong(cut(step.name, NAME_CHARS)), why=why)


def names(steps: Sequence[StepState]) -> str:
    """The names of the first few."""
    return few([step.name for step in steps], NAMES_SHOWN, NAME_CHARS // 2)
