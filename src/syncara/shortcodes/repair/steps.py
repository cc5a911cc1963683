"""Steps that cannot be taken as they are, of ADD_STEP, of a list of steps and of a group."""

from __future__ import annotations

from typing import Any

from syncara.core.check import STEP_RULES
from syncara.core.model import CONDITION_CHECK, GROUP
from syncara.shortcodes.repair import conditions, params, placeholders, words
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
        self._guesser = guesser
        self._names = names
        self._keys = known.context_keys

    def mend(self, step: dict[str, Any]) -> dict[str, Any]:
        """The fields of ADD_STEP."""
        written = step.get("handler")
        handler = self._handler(written) or (
            self._known.handler_of(step.get("params"), str(step.get("name"))) if written is None else None
        )
        if handler is None:
            return step
        mended = {**step, "handler": handler}
        self._mend_params(mended, str(written))
        if isinstance(mended.get("condition"), str):
            mended["condition"] = self._condition(mended["condition"]) or mended["condition"]
        return mended

    def _handler(self, written: Any) -> str | None:
        if not isinstance(written, str):
            return None
        return written if written in self._known.handlers else self._known.handler(written)

    def _mend_params(self, step: dict[str, Any], written_handler: str) -> None:
        handler, name = step["handler"], str(step.get("name", ""))
        schema = self._known.params(handler)
        written = step.get("params", {})
        said = words.implied(written_handler) if written_handler != handler else {}
        if schema is not None:
            mended = params.mend(schema, written, name=name, said=said)
            written = mended.params
            for key, value in mended.options.items():
                if key not in step:
                    self._set(step, key, value)
        if handler == CONDITION_CHECK and isinstance(written, dict):
            written = self._of_check(step, written)
        elif handler == GROUP and isinstance(written, dict):
            written = {**written, "tasks": self._tasks(written.get("tasks"))}
        else:
            written = placeholders.mend(written, self._keys, self._names.positions, self._names.called)
        if written or "params" in step:
            step["params"] = written

    def _set(self, step: dict[str, Any], key: str, value: Any) -> None:
        field = field_of(self._command, key)
        guess = None if field is None else self._guesser.guess(field, value)
        if guess is None or guess.value is not None:
            step[key] = value if guess is None else guess.value

    def _condition(self, written: str) -> str | None:
        return conditions.mend(written, self._keys, self._names.called)

    def _of_check(self, step: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
        condition = written.get("condition", step.get("condition"))
        if "condition" not in written and condition is not None:
            step.pop("condition")
        mended = self._condition(condition) if isinstance(condition, str) else None
        return {**written, "condition": mended or condition} if condition is not None else written

    def _tasks(self, tasks: Any) -> Any:
        return self.mend_list(tasks) if isinstance(tasks, dict | list) else tasks

    # Lists of steps.

    def mend_list(self, written: Any) -> Any:
        """Steps as QUICK_WORKFLOW and groups take them."""
        if isinstance(written, dict) and all(isinstance(each, dict) for each in written.values()):
            written = [{"name": name, **each} for name, each in written.items()]
        if not isinstance(written, list):
            return written
        written = [_as_object(each) for each in written]
        names = {
            str(each["id"]): each["name"]
            for each in written
            if isinstance(each, dict) and {"id", "name"} <= each.keys()
        }
        named = [self._with_names(each) if isinstance(each, dict) else each for each in written]
        for step in named:
            if isinstance(step, dict) and isinstance(step.get("dependencies"), list) and names:
                step["dependencies"] = [names.get(str(each), each) for each in step["dependencies"]]
        own = [each.get("name") for each in named if isinstance(each, dict)]
        listed = StepNames([name for name in own if isinstance(name, str)])
        mender = StepMender(self._known, self._guesser, listed)
        return [mender.mend_listed(each, place) if isinstance(each, dict) else each for place, each in enumerate(named)]

    def _with_names(self, step: dict[str, Any]) -> dict[str, Any]:
        """A step of a list with the names that its fields have."""
        found = {key: value for key, value in step.items() if key in STEP_RULES or key == "retries"}
        others = {key: value for key, value in step.items() if key not in found and key != "id"}
        if isinstance(found.get("handler"), dict):
            others = {**found.pop("handler"), **others}
        named_by = [key for key, value in others.items() if key in self._known.handlers and isinstance(value, dict)]
        if len(named_by) == 1 and "handler" not in found and "params" not in found:
            found["handler"], found["params"] = named_by[0], others.pop(named_by[0])
        for key in list(others):
            named = field_of(self._command, key)
            if named is not None and named.name == "handler" and "handler" not in found and self._handler(others[key]):
                found["handler"] = others.pop(key)
        handler = self._handler(found.get("handler"))
        schema = (self._known.params(handler) if handler else None) or {}
        flat: dict[str, Any] = {}
        for key, value in others.items():
            named = field_of(self._command, key)
            if key in schema or named is None or named.name in found or named.name == "workflow_id":
                flat[key] = value
            else:
                found[named.name] = value
        if flat and handler is not None and isinstance(found.get("params", {}), dict):
            return {**found, "params": {**found.get("params", {}), **flat}}
        return {**found, **flat}

    def mend_listed(self, step: dict[str, Any], place: int) -> dict[str, Any]:
        for key in ("timeout", "retries", "retry_delay", "on_error", "run_when", "on_crash"):
            if key in step:
                self._set(step, key, step[key])
        written = step.get("dependencies")
        if isinstance(written, str | int):
            written = [str(written)]
        if isinstance(written, list):
            meant = Dependencies(self._names, place, step.get("name")).of([str(each) for each in written])
            step["dependencies"] = written if meant is None else [self._names.called(each) or each for each in meant[0]]
        return self.mend(step)


def _as_object(step: Any) -> Any:
    """A step that is wrapped in another object, or written as the list of its fields."""
    if isinstance(step, dict) and len(step) == 1:
        inner = next(iter(step.values()))
        return inner if isinstance(inner, dict) and "name" in inner else step
    if isinstance(step, list) and len(step) > 1 and all(isinstance(each, str) for each in step[:2]):
        return dict(zip(("name", "handler", "params", "dependencies", "timeout"), step, strict=False))
    return step
