r"""Addresses of a workflow that an assistant wrote are literal: context may change what is said, never where it goes.

An assistant reads what strangers write, and so do the values of its workflows. `problems` refuses placeholders wherever
params say where something goes or what is done there, and `changed` compares once more when they have been filled in.
Whether text holds a placeholder is for the compiler of `core.placeholders` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from syncara.core.check import shown
from syncara.core.errors import Problem
from syncara.core.model import CONDITION_CHECK, GROUP, Step, Workflow
from syncara.core.placeholders import compile_params
from syncara.policy.effects import method, steps_of, unescaped

ADDRESSES: dict[str, dict[str, str]] = {
    "send_message": {"chat_id": "write the chat's id, or leave it out for this chat"},
    "api_call": {
        "url": "write scheme, host, port and path out; values go behind the '?', or into 'query'",
        "method": "write the method out",
        "headers": "write an object with the headers' names; placeholders may stand in their values",
    },
    "file_operation": {"file_path": "write the path out", "operation": "write the operation out"},
    "database_operation": {
        "collection": "write the collection out",
        "operation": "write the operation out",
        "query": "write an object; placeholders may stand for its values",
        "data": "write the fields out; placeholders may stand for their values",
    },
    "execute_shortcode": {"shortcode": "write the shortcode out", "params": "write out what it is to act on"},
    "set_context": {"key": "write the key out"},
    GROUP: {"tasks": "write the tasks out; placeholders may stand in their params"},
}
"""The params that say where something goes or what is done there, with the way out for each."""

DIVERTING_HEADERS = frozenset(
    {
        *("x-http-method", "x-http-method-override", "x-method", "x-method-override"),
        *("x-original-method", "x-forwarded-method"),
        *("x-original-url", "x-original-uri", "x-original-path", "x-rewrite-url", "x-rewrite-uri", "x-override-url"),
        *("x-forwarded-uri", "x-forwarded-url", "x-forwarded-path", "x-forwarded-prefix", "x-script-name", "x-url"),
        *("destination", "x-amz-copy-source", "x-goog-copy-source", "x-ms-copy-source"),
        *("host", "x-host", "x-original-host", "x-forwarded-host", "x-forwarded-server", "x-http-host-override"),
        *("x-forwarded-port", "x-forwarded-proto", "x-forwarded-scheme", "x-url-scheme", "forwarded"),
        *("content-length", "transfer-encoding"),  # where a request ends, and with what the next one begins
    }
)
"""Headers from which a server, or a proxy before it, may take the method, the path or the host of a request."""

_SECRET = "{secret."  # noqa: S105 - how a secret is opened, none itself
_ESCAPED = "("
r"""Stands for `\{` while text is searched: a character that opens nothing."""


class _EveryName(Collection[str]):
    """Step names for the compiler where only placeholders matter: whatever a placeholder names is there."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_EVERY_NAME = _EveryName()


def holds_placeholder(value: Any) -> bool:
    """Whether rendering could change `value`, at any depth; placeholders that cannot be read count."""
    if value is None or (isinstance(value, str) and "{" not in value):
        return False  # as most are, quickly
    if isinstance(value, str):
        value = value.replace("\\{", _ESCAPED)
    return compile_params({"": value}, _EVERY_NAME) is not None


def opens_secret(text: str) -> bool:
    return _SECRET in text.replace("\\{", _ESCAPED)


def never(shortcode: str) -> bool:
    """The default for `takes_data`: the params of a shortcode say whom it acts on."""
    return False


def problems(workflow: Workflow, takes_data: Callable[[str], bool] = never) -> list[Problem]:
    """Every placeholder in an address, and every secret outside of the headers of a call.

    `takes_data` says of a shortcode (in upper case) whether its params are data, which placeholders may fill in.
    """
    return [problem for step in steps_of(workflow) for problem in _step_problems(step, takes_data)]


def _step_problems(step: Step, takes_data: Callable[[str], bool]) -> list[Problem]:
    where = f"step '{step.name}', field"
    fields = {"handler": step.handler, "save_as": step.save_as}
    found = [
        _not_literal(f"{where} '{name}'", name, value, "write it out")
        for name, value in fields.items()
        if holds_placeholder(value)
    ]
    place = f"{where} 'params'"
    for name, fix in _addresses(step, takes_data).items():
        if holds_placeholder(_address(name, step.params.get(name))):
            found.append(_not_literal(f"{place}, '{name}'", name, step.params[name], fix))
    headers = step.params.get("headers")
    if step.handler == "api_call" and isinstance(headers, dict):
        found += _header_problems(f"{place}, 'headers'", headers)
    if step.handler not in (GROUP, CONDITION_CHECK) and any(map(opens_secret, _outside_headers(step))):
        fix = "move it to 'headers'; for a brace that is text write \\{"
        message = "a secret is filled in for the headers of an api_call, and nowhere else"
        found.append(
            Problem("secret_misplaced", place, message, fix, '{"headers": {"Authorization": "{secret.NAME}"}}')
        )
    return found


def _addresses(step: Step, takes_data: Callable[[str], bool]) -> Mapping[str, str]:
    fields = ADDRESSES.get(step.handler, {})
    if step.handler == "execute_shortcode" and takes_data(str(step.params.get("shortcode")).upper()):
        return {name: fix for name, fix in fields.items() if name != "params"}
    if step.handler == "database_operation" and step.params.get("operation") != "update":
        return {name: fix for name, fix in fields.items() if name != "data"}  # what is inserted is a value as a whole
    return fields


def _address(name: str, value: Any) -> Any:
    """What of a param is an address.

    Of a URL all that stands before the `?`, of headers their names, of an update its fields, of tasks and of a query
    only that they are written out: tasks are steps, and are looked at one by one.
    """
    match name, value:
        case "url", str():
            return value.partition("?")[0]
        case "headers", dict():
            return list(value)
        case ("tasks", list()) | ("query", dict()):
            return None
        case "data", dict():
            return [[name, _fields(name, operand)] for name, operand in value.items()]
    return value


def _fields(name: str, operand: Any) -> Any:
    """The fields that one operator of an update changes; a field without an operator stands there by its own name."""
    if not name.startswith("$"):
        return None
    return list(operand) if name != "$rename" and isinstance(operand, dict) else operand


def _header_problems(where: str, headers: Mapping[str, Any]) -> list[Problem]:
    message = "the header can tell a server of another method, path or host than those that are judged"
    return [
        Problem("not_literal", where, f"'{name}': {message}", "leave it out, and write them into 'method' and 'url'")
        for name in headers
        if name.strip().lower().replace("_", "-") in DIVERTING_HEADERS  # many servers take both for one
    ]


def _not_literal(where: str, name: str, value: Any, fix: str) -> Problem:
    message = f"'{name}' says where it goes, so an assistant writes it without placeholders, and it is {shown(value)}"
    return Problem("not_literal", where, message, fix)


def _outside_headers(step: Step) -> Iterator[str]:
    for name, value in step.params.items():
        if step.handler == "api_call" and name == "headers" and isinstance(value, dict):
            value = list(value)  # noqa: PLW2901 - of headers only the names
        yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


# Once placeholders have been filled in.


def changed(step: Step, params: Mapping[str, Any], takes_data: Callable[[str], bool] = never) -> Problem | None:
    """What the values that were filled in changed about where something goes or what is done there.

    `step` is the definition's and `params` are rendered; for the definitions that `problems` accepts.
    """
    for name in _addresses(step, takes_data):
        meant, is_now = unescaped(_address(name, step.params.get(name))), _address(name, params.get(name))
        if type(meant) is not type(is_now) or meant != is_now:
            return _changed(step, name, f"it was {shown(meant)}, and is {shown(is_now)}")
    if step.handler == "api_call":
        return _changed_call(step, params)
    if step.handler == "database_operation":
        for name in ("query", "data"):
            if _operators(step.params.get(name)) != _operators(params.get(name)):
                return _changed(step, name, "a value brought in operators, and may bring in values only")
    return None


def _changed_call(step: Step, params: Mapping[str, Any]) -> Problem | None:
    if method(step.params) != method(params):
        return _changed(step, "method", f"it was {method(step.params)}, and is {method(params)}")
    headers = params.get("headers") or {}
    for name, value in (step.params.get("headers") or {}).items():
        if str(unescaped(value)).count(_SECRET) != str(headers[name]).count(_SECRET):
            return _changed(step, "headers", "a value that was filled in opens a secret")
    return None


def _operators(value: Any) -> list[str]:
    """The operators in a query or an update, in order."""
    if isinstance(value, list):
        return [operator for item in value for operator in _operators(item)]
    if not isinstance(value, dict):
        return []
    inside = [operator for item in value.values() for operator in _operators(item)]
    return [key for key in value if isinstance(key, str) and key.startswith("$")] + inside


def _changed(step: Step, name: str, what: str) -> Problem:
    where, fix = f"step '{step.name}', field 'params', '{name}'", "write it out in the definition"
    return Problem("address_changed", where, f"what was filled in changed '{name}': {what}", fix)
