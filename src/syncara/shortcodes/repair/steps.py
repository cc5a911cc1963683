"""Steps that cannot be taken as they are, of ADD_STEP, of a list of steps and of a group."""

from __future__ import annotations

from typing import Any

from syncara.core.check import STEP_RULES
from syncara.core.model import CONDITION_CHECK, GROUP
from syncara.shortcodes.repair import conditions, params, placeholders, words
from syncara.shortcodes.repair.assigning import fields_in
from syncara.shortcodes.repair.guesses import Guesser
from syncara.shortcodes.repair.known import ADD_STEP, Known
from syncara.shortcodes.repair.step_names import Dependencies, StepNames
from syncara.shortcodes.repair.words import field_of


class StepMender:
    """For the steps of one code."""

    def __init__(self, known: Known, guesser: Guesser, names: StepNames) -> None:
        """`names`: of the steps that placeholders and conditions can read."""
        self._known = known
        self._command = known.commands[ADD_STEP]
        self._listed = self._command._replace(fields=self._command.fields[1:])
        self._guesser = guesser
        self._names = names
        self._keys = known.context_keys

    def mend(self, step: dict[str, Any]) -> dict[str, Any]:
        """The fields of ADD_STEP."""
        written, name = step.get("handler"), str(step.get("name", ""))
        meant = self._guesser.handler(written) if written else self._known.handler_of(step.get("params"), name)
        if meant is None:
            return step
        return self._with_condition(self._with_params({**step, "handler": meant}, name, str(written)))

    def _with_params(self, step: dict[str, Any], name: str, written_handler: str) -> dict[str, Any]:
        handler, written = step["handler"], step.get("params", {})
        schema = self._known.params(handler)
        if schema is not None:
            said = words.implied(written_handler) if written_handler != handler else {}
            written, options = params.mend(schema, written, name=name, said=said)
            for key, value in options.items():
                if key not in step:
                    self._set(step, key, value)
        if handler == CONDITION_CHECK and isinstance(written, dict):
            if "condition" in step and "condition" not in written:
                written = {**written, "condition": step.pop("condition")}
            written = self._with_condition(written)
        elif handler == GROUP and isinstance(written, dict):
            written = {**written, "tasks": self.mend_list(written.get("tasks"))}
        else:
            written = placeholders.mend(written, self._keys, self._names.positions, self._names.called)
        return {**step, "params": written} if written or "params" in step else step

    def _set(self, step: dict[str, Any], key: str, value: Any) -> None:
        field = field_of(self._command, key)
        guess = None if field is None else self._guesser.guess(field, value)
        if guess is None or guess.value is not None:
            step[key] = value if guess is None else guess.value

    def _with_condition(self, fields: dict[str, Any]) -> dict[str, Any]:
        written = fields.get("condition")
        meant = conditions.mend(written, self._keys, self._names.called) if isinstance(written, str) else None
        return fields if meant is None else {**fields, "condition": meant}

    # Lists of steps.

    def mend_list(self, written: Any) -> Any:
        """Steps as QUICK_WORKFLOW and groups take them."""
        if not isinstance(written, list) or not all(isinstance(each, dict) for each in written):
            return written
        steps = [self._with_names(each) for each in written]
        names = StepNames([name for each in steps if isinstance(name := each.get("name"), str)])
        mender = StepMender(self._known, self._guesser, names)
        return [mender.mend_listed(each, place) for place, each in enumerate(steps)]

    def _with_names(self, step: dict[str, Any]) -> dict[str, Any]:
        """A step of a list with the names that its fields have."""
        handlers = [key for key, value in step.items() if key in self._known.handlers and isinstance(value, dict)]
        if len(handlers) == 1 and step.keys().isdisjoint({"handler", "params"}):  # `{"name": "A", "log": {…}}`
            others = {key: value for key, value in step.items() if key != handlers[0]}
            step = {**others, "handler": handlers[0], "params": step[handlers[0]]}
        return fields_in(self._listed, step, self._guesser, also=STEP_RULES)

    def mend_listed(self, step: dict[str, Any], place: int) -> dict[str, Any]:
        """A step of a list, by its place among the others."""
        for key in params.OPTIONS:
            if key in step and key != "dependencies":
                self._set(step, key, step[key])
        written = step.get("dependencies")
        if isinstance(written, str | int):
            written = [str(written)]
        if isinstance(written, list):
            meant = Dependencies(self._names, place, step.get("name")).of([str(each) for each in written])
            step["dependencies"] = written if meant is None else [self._names.called(each) or each for each in meant[0]]
        return self.mend(step)
