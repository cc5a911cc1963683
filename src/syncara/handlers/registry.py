"""The handlers that steps can name: the built-in ones and the user's own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from syncara.abc import Handler, HandlerFunction
from syncara.core.check import HandlerCheck
from syncara.core.errors import InvalidStateError, NotFoundError, Problem, ValidationError, nearest
from syncara.core.model import CORE_HANDLERS, DELAY, GROUP
from syncara.core.placeholders import compile_params

BUILTIN = CORE_HANDLERS | {
    "log",
    "notification",
    "set_context",
    "get_context",
    "condition_check",
    "send_message",
    "execute_shortcode",
    "database_operation",
    "file_operation",
    "api_call",
}

CORE_SCHEMAS: dict[str, dict[str, Any]] = {
    DELAY: {"type": "object", "properties": {"seconds": {"type": "number", "minimum": 0}}, "required": ["seconds"]},
    GROUP: {
        "type": "object",
        "properties": {"tasks": {"type": "array", "items": {"type": "object"}, "minItems": 1}},
        "required": ["tasks"],
    },
}


class Handlers:
    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self.version = 0
        """Grows with each registration, so that what was checked before can be checked again."""

    def get(self, name: str) -> Handler | None:
        return self._handlers.get(name)

    def install(self, builtin: Iterable[Handler]) -> None:
        """Put the built-in handlers in, with what they were made to work on."""
        self._handlers.update({handler.name: handler for handler in builtin})
        self.version += 1

    def register(self, name: str, fn: HandlerFunction, *, params: type | None = None, ai: bool = False) -> None:
        """Add a handler, or replace one that was registered before. Built-in ones cannot be replaced."""
        if not isinstance(name, str) or not name.strip():
            problem = Problem("empty_name", "register_handler", "a handler needs a name", "give it one")
            raise ValidationError([problem])
        if name in BUILTIN:
            fix = "choose another name"
            raise InvalidStateError("builtin_handler", f"'{name}' is a built-in handler", "register_handler", fix)
        if not callable(fn):
            message = f"the handler must be a function of (step, execution), and is {type(fn).__name__}"
            raise ValidationError([Problem("wrong_type", f"register_handler '{name}'", message, "pass a function")])
        if params is not None and not (isinstance(params, type) and issubclass(params, msgspec.Struct)):
            message = "'params' must be a msgspec.Struct class"
            raise ValidationError([Problem("wrong_type", f"register_handler '{name}'", message, "pass the class")])
        if not _takes_two(fn):
            message = "the handler must take two arguments, (step, execution)"
            raise ValidationError([Problem("wrong_type", f"register_handler '{name}'", message, "add what is missing")])
        mode = "task" if _is_async(fn) else "thread"
        check = struct_check(params) if params is not None else None
        self._handlers[name] = Handler(name, fn, mode, params, ai, check)  # type: ignore[arg-type]
        self.version += 1

    def declares(self, name: str) -> bool:
        """Whether a handler is registered with `ai=True`."""
        handler = self._handlers.get(name)
        return handler is not None and handler.ai

    def schema(self, name: str) -> dict[str, Any]:
        """The JSON Schema of a handler's params. Raises NotFoundError."""
        if name in CORE_SCHEMAS:
            return CORE_SCHEMAS[name]
        handler = self._handlers.get(name)
        if handler is None:
            fix = nearest(str(name), self.names()) or "the handlers are " + ", ".join(self.names())
            raise NotFoundError("unknown_handler", f"there is no handler '{name}'", "handler_schema", fix)
        return {"type": "object"} if handler.params is None else msgspec.json.schema(handler.params)

    def checks(self) -> Mapping[str, HandlerCheck]:
        """Each handler's judgement of params, for `core.check.problems`."""
        return {name: handler.check for name, handler in self._handlers.items()}

    def names(self) -> list[str]:
        return sorted({*self._handlers, *CORE_HANDLERS})


def _takes_two(fn: HandlerFunction) -> bool:
    try:
        inspect.signature(fn).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # a built-in function that does not say
        return True
    return True


def _is_async(fn: HandlerFunction) -> bool:
    call = getattr(fn, "__call__", None)  # noqa: B004 - an object with an async __call__ counts too
    return any(inspect.iscoroutinefunction(f) for f in (fn, inspect.unwrap(fn), call))


@functools.cache
def struct_check(kind: type) -> Any:
    """A check of params against a Struct class that names every field that is wrong, missing or unknown."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}

    def check(params: dict[str, Any]) -> list[Problem]:
        found = []
        for name in params.keys() - fields.keys():
            fix = nearest(name, fields) or "the params are " + ", ".join(fields)
            found.append(Problem("invalid_params", "", f"there is no param '{name}'", fix))
        for name, field in fields.items():
            if name not in params:
                if field.required:
                    found.append(Problem("invalid_params", "", f"param '{name}' is missing", f"add '{name}'"))
            elif compile_params({name: params[name]}, ()) is None:  # what holds placeholders is known later
                try:
                    msgspec.convert(params[name], field.type)
                except msgspec.ValidationError as error:
                    found.append(Problem("invalid_params", f"'{name}'", str(error), "correct the value"))
        return sorted(found, key=str)

    return check
