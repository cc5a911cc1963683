"""A code's fields, each as its command can take it and as it must have been meant."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from syncara.commands.registry import Command, Field
from syncara.core.errors import SyncaraError
from syncara.core.model import ExecutionStatus
from syncara.shortcodes.repair import params, placeholders, words
from syncara.shortcodes.repair.guesses import Guesser
from syncara.shortcodes.repair.known import Known
from syncara.shortcodes.repair.step_names import StepNames
from syncara.shortcodes.repair.steps import StepMender


def mend(known: Known, place: int, command: Command, args: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the code at a place of the reply. What cannot be told stays as it is."""
    guesser = Guesser(known, place, command.kind, args.get("name"))
    found = {
        field.name: value
        for field in command.fields
        if field.name in args and (value := _field(field, args[field.name], guesser)) is not None
    }
    steps = StepMender(known, guesser, known.steps(place))
    match command.shortcode:
        case "MULTISTEP:ADD_STEP":
            found = steps.mend(found)
        case "MULTISTEP:QUICK_WORKFLOW":
            found["steps"] = steps.mend_list(found.get("steps"))
        case "MULTISTEP:BATCH_PROCESS":
            _batch(known, found)
        case "MULTISTEP:TEMPLATE_WORKFLOW":
            _template(known, found)
        case "MULTISTEP:LIST_EXECUTIONS":
            _listed(found)
        case "MULTISTEP:WHY":
            _step_of_run(known, found)
        case "MULTISTEP:HELP":
            shortcode = words.command(str(found.get("command", "")).rpartition(":")[2], list(known.commands))
            found["command"] = shortcode.partition(":")[2] if shortcode else None
    return {name: value for name, value in found.items() if value is not None}


def _field(field: Field, value: Any, guesser: Guesser) -> Any:
    """A field's value; None: it is to be left out."""
    if field.refers not in ("workflow", "execution") and field.form not in ("names", "moment"):
        with suppress(msgspec.ValidationError):
            msgspec.convert(value, field.type)
            return value
    guess = guesser.guess(field, value)
    return value if guess is None else guess.value


def _batch(known: Known, found: dict[str, Any]) -> None:
    handler, items = found.get("handler"), found.get("items")
    meant = known.handler(handler) if isinstance(handler, str) else None
    if meant is None or not isinstance(items, list):
        return
    found["handler"] = meant
    schema = known.params(meant)
    if schema is not None:
        said = words.implied(str(handler)) if handler != meant else {}
        items = [_item(schema, item, said) for item in items]
    found["items"] = placeholders.mend(items, known.context_keys, (), lambda _: None)


def _item(schema: params.Schema, item: Any, said: Mapping[str, Any]) -> Any:
    if isinstance(item, dict) and isinstance(item.get("params"), dict) and "params" not in schema:
        item = item["params"]
    return params.mend(schema, item, said=said).params


def _template(known: Known, found: dict[str, Any]) -> None:
    meant = known.template(str(found.get("template", "")))
    if meant is None:
        return
    found["template"] = meant
    schema = known.template_params(meant)
    if schema is None or "params" not in found:
        return
    found["params"] = params.mend(schema, found["params"]).params
    handler = found["params"].get("handler") if isinstance(found["params"], dict) else None
    if isinstance(handler, str) and "handler" in schema:
        found["params"]["handler"] = known.handler(handler) or handler


def _listed(found: dict[str, Any]) -> None:
    """A status by another word; a page in its place; every status."""
    written = found.pop("status", None)
    if not isinstance(written, str):
        return
    if words.plain(written) not in words.words("empty", "all") | words.words("empty", "words"):
        found["status"] = words.meaning("values", written, list(map(str, ExecutionStatus))) or written


def _step_of_run(known: Known, found: dict[str, Any]) -> None:
    """The step of a run by its name."""
    try:
        run = known.draft.references.execution(str(found.get("execution_id")))
    except SyncaraError:
        return
    if run is not None and isinstance(found.get("step"), str):
        found["step"] = StepNames(known.draft.references.step_names(run)).called(found["step"]) or found["step"]
