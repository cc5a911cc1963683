"""What a definition would do to the world: one effect for each step, tasks of groups included.

An effect says where something goes (the address) and what is done there (the operation). It is read from the
definition alone, so it can be shown and judged before anything runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from syncara.core.graph import tasks_of
from syncara.core.model import CONDITION_CHECK, DELAY, GROUP, Step, Workflow
from syncara.policy.addresses import one_spelling

Kind = Literal["message", "web", "file", "collection", "shortcode", "custom", "none"]

_HARMLESS = frozenset({DELAY, GROUP, CONDITION_CHECK, "log", "set_context", "get_context"})
_SITE = re.compile(
    r"(https?)://(?:([a-z\d_-]+(?:\.[a-z\d_-]+)*)|\[([a-f\d:.]+)\])(?::(\d{1,5}))?(?:[/?#].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Effect(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What one step would do."""

    kind: Kind
    step: str
    handler: str
    operation: str = ""
    """`send`, `notify`, a method of HTTP, `read` …"""
    address: int | str | None = None
    """A chat's id (None: the run's own chat), host[:port] (None: the URL names none plainly), a path, a collection, a
    shortcode or a handler's name. Text with a placeholder stands as it was written."""
    own: bool | None = None
    """Whether it stays with the chat: its messages, its files, its collections. None: neither, as on the web."""
    detail: str = ""
    """What it is done with, on one line: text, body, query, document, params. What is long is shortened, with a hash
    of the whole, so that two details differ where what they stand for does."""


def as_judged(asked: Effect) -> list[Any]:
    """What somebody who approves a step approves of it, as JSON: all but its name and its detail."""
    return [asked.kind, asked.handler, asked.operation, asked.address, asked.own]


def effects(workflow: Workflow, context: Mapping[str, Any] | None = None) -> tuple[Effect, ...]:
    """The effects of a definition that starts with `context`, in the order of its steps, tasks of groups last.

    Which collections and files are shared is for the policy to say: here each is the chat's own.
    """
    from syncara.policy.details import StartContext, detail  # noqa: PLC0415 - with it come the answers

    steps = steps_of(workflow)
    start = StartContext(context or {}, steps)
    return tuple(msgspec.structs.replace(effect(step, workflow.chat_id), detail=detail(step, start)) for step in steps)


def steps_of(workflow: Workflow) -> list[Step]:
    """All steps, then the tasks of groups, of groups in groups too.

    A group that cannot be read counts without its tasks: `core.check.problems` finds it, and it never runs.
    """
    steps = list(workflow.steps)
    for step in steps:  # grows while it runs
        if step.handler == GROUP:
            try:
                steps += list(tasks_of(step))
            except (KeyError, TypeError, msgspec.ValidationError):
                continue
    return steps


def effect(step: Step, chat_id: Any) -> Effect:
    """The effect of one step that runs in a chat, without its detail."""
    read = _READERS.get(step.handler)
    if read is not None:
        return read(step, step.params, chat_id)
    if step.handler in _HARMLESS:
        return Effect("none", step.name, step.handler)
    return Effect("custom", step.name, step.handler, address=step.handler)


def same_id(one: Any, other: Any) -> bool:
    """Whether two ids of chats or people are the same: 5 and '5' are not, nor 1 and True."""
    return type(one) is type(other) and one == other


def unescaped(value: Any) -> Any:
    r"""A literal value as it will be once rendered: `\{` is a brace."""
    return value.replace("\\{", "{") if isinstance(value, str) else value


def method(params: Mapping[str, Any]) -> str:
    """The method that api_call would use."""
    body = any(params.get(name) is not None for name in ("data", "json", "form"))
    return str(params.get("method") or ("POST" if body else "GET")).upper()


def site_of_url(url: Any) -> str | None:
    """The site of a URL; None for text in which different readers could see different hosts."""
    plain = _SITE.fullmatch(url) if isinstance(url, str) else None
    if plain is None:
        return None
    scheme, name, ipv6, port = plain.groups()
    return site(name or ipv6, int(port or _DEFAULT_PORTS[scheme.lower()]), scheme.lower())


def site(host: str, port: int, scheme: str) -> str:
    """`host` or `host:port` in one spelling, without the port that goes without saying; an IPv6 address in brackets."""
    host = one_spelling(host)
    host = f"[{host}]" if ":" in host else host
    return host + ("" if port == _DEFAULT_PORTS.get(scheme) else f":{port}")


def _message(step: Step, params: Mapping[str, Any], chat_id: Any) -> Effect:
    to = unescaped(params.get("chat_id"))
    return Effect("message", step.name, step.handler, "send", to, own=to is None or same_id(to, chat_id))


def _notification(step: Step, params: Mapping[str, Any], chat_id: Any) -> Effect:
    return Effect("message", step.name, step.handler, "notify")


def _web(step: Step, params: Mapping[str, Any], chat_id: Any) -> Effect:
    return Effect("web", step.name, step.handler, method(params), site_of_url(params.get("url")))


def _file(step: Step, params: Mapping[str, Any], chat_id: Any) -> Effect:
    operation, path = str(params.get("operation")), unescaped(params.get("file_path"))
    return Effect("file", step.name, step.handler, operation, path, own=True)


def _collection(step: Step, params: Mapping[str, Any], chat_id: Any) -> Effect:
    operation, collection = str(params.get("operation")), unescaped(params.get("collection"))
    return Effect("collection", step.name, step.handler, operation, collection, own=True)


def _shortcode(step: Step, params: Mapping[str, Any], chat_id: Any) -> Effect:
    return Effect("shortcode", step.name, step.handler, address=str(unescaped(params.get("shortcode"))).upper())


_READERS: dict[str, Callable[[Step, Mapping[str, Any], Any], Effect]] = {
    "send_message": _message,
    "notification": _notification,
    "api_call": _web,
    "file_operation": _file,
    "database_operation": _collection,
    "execute_shortcode": _shortcode,
}
