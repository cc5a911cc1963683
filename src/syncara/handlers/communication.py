"""send_message and execute_shortcode, and the messenger that needs no set-up."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from syncara.abc import ExecutionInput, Handler, Messenger, ShortcodeFunction, StepInput
from syncara.answers.parts import split
from syncara.core.errors import Problem, nearest
from syncara.handlers.failures import FinalError
from syncara.handlers.forms import form_of, written
from syncara.handlers.registry import struct_check
from syncara.handlers.text import printable, to_text


class SendMessageParams(msgspec.Struct, forbid_unknown_fields=True):
    """Send text to a chat: the execution's own, unless `chat_id` names another."""

    text: Any
    chat_id: int | str | None = None


class ExecuteShortcodeParams(msgspec.Struct, forbid_unknown_fields=True):
    """Run a registered shortcode such as `GROUP:PIN_MESSAGE`."""

    shortcode: str
    params: str = ""


class ConsoleMessenger:
    """Prints messages; for trying things out."""

    needs_chat = False

    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> None:
        shown = printable(text)
        print(f"[chat {chat_id}] {shown}" if chat_id is not None else shown, flush=True)  # noqa: T201

    async def edit(self, chat_id: Any, message_id: Any, text: str, *, idempotency_key: str) -> None:
        print(f"[chat {chat_id}, message {message_id}] {printable(text)}", flush=True)  # noqa: T201

    async def pin(self, chat_id: Any, message_id: Any, *, idempotency_key: str) -> None:
        print(f"[chat {chat_id}] message {message_id} is pinned", flush=True)  # noqa: T201

    async def ask(self, chat_id: Any, text: str, approval_id: str, *, idempotency_key: str) -> bool | None:
        """Asks whoever sits at the terminal; where nobody does, says how to answer."""
        await self.send(chat_id, text, idempotency_key=idempotency_key)
        if not sys.stdin.isatty():
            return None
        print("Approve? [y/n] ", end="", flush=True)  # noqa: T201
        return ANSWERS.get((await _typed()).strip().lower())


ANSWERS = {"y": True, "yes": True, "ya": True, "n": False, "no": False, "tidak": False}
"""Anything else is no answer: the plan goes on waiting."""


async def _typed() -> str:
    """A line from the terminal. Not in a thread: one that waits for a line keeps its process from ending."""
    loop, typed = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin, typed.set)
    try:
        await typed.wait()
        return sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin)


def needs_chat(messenger: Messenger) -> bool:
    """Whether a message without a chat cannot be delivered: true of every messenger but the console's."""
    return bool(getattr(messenger, "needs_chat", True))


PIN_MESSAGE = "GROUP:PIN_MESSAGE"
OWN_MESSAGE = ("", "message_id", "current_message_id")
"""What stands for the message that the execution was started from."""


def shortcodes(messenger: Messenger) -> dict[str, ShortcodeFunction]:
    """The shortcodes that ship."""

    async def pin_message(params: str, execution: ExecutionInput) -> dict[str, Any]:
        """Returns `{"chat_id", "message_id"}`."""
        message_id = execution.message_id if params.strip() in OWN_MESSAGE else params.strip()
        if execution.chat_id is None or message_id is None:
            raise FinalError(
                "no_message", "there is no message to pin", fix="start the run with chat_id and message_id"
            )
        if isinstance(message_id, str) and message_id.lstrip("-").isdecimal():
            message_id = int(message_id)
        await messenger.pin(execution.chat_id, message_id, idempotency_key=execution.idempotency_key)
        return {"chat_id": execution.chat_id, "message_id": message_id}

    return {PIN_MESSAGE: pin_message}


def handlers(messenger: Messenger, shortcodes: Mapping[str, ShortcodeFunction]) -> list[Handler]:
    form = form_of(messenger)

    async def send_message(step: StepInput, execution: ExecutionInput) -> dict[str, Any]:
        """Returns `{"chat_id", "message_ids"}`. Long text goes out in parts, each with a key of its own."""
        params: SendMessageParams = step.params
        chat_id = execution.chat_id if params.chat_id is None else params.chat_id
        if chat_id is None and needs_chat(messenger):
            raise FinalError("no_chat", "there is no chat", fix="give chat_id to the step or to execute_workflow")
        parts = split(written(to_text(params.text), form), form)
        sent = []
        for n, part in enumerate(parts):
            key = execution.idempotency_key + (f":{n}" if len(parts) > 1 else "")
            sent.append(await messenger.send(chat_id, part, idempotency_key=key))
        return {"chat_id": chat_id, "message_ids": sent}

    async def execute_shortcode(step: StepInput, execution: ExecutionInput) -> Any:
        """Returns what the shortcode returns."""
        params: ExecuteShortcodeParams = step.params
        fn = shortcodes.get(params.shortcode.upper())
        if fn is None:
            fix = nearest(params.shortcode, shortcodes)
            raise FinalError("unknown_shortcode", f"there is no shortcode '{params.shortcode}'", fix=fix)
        result = fn(params.params, execution)
        return await result if inspect.isawaitable(result) else result

    def check_shortcode(params: dict[str, Any]) -> list[Problem]:
        found: list[Problem] = struct_check(ExecuteShortcodeParams)(params)
        name = params.get("shortcode")
        if isinstance(name, str) and "{" not in name and name.upper() not in shortcodes:
            known = "the shortcodes are " + (", ".join(sorted(shortcodes)) or "none; see register_shortcode")
            fix = nearest(name.upper(), shortcodes) or known
            found.append(Problem("unknown_shortcode", "'shortcode'", f"there is no shortcode '{name}'", fix))
        return found

    def check_message(params: dict[str, Any]) -> list[Problem]:
        found: list[Problem] = struct_check(SendMessageParams)(params)
        if params.get("text") == "":
            found.append(Problem("invalid_params", "'text'", "the message is empty", "write some text"))
        return found

    return [
        Handler("send_message", send_message, "task", SendMessageParams, True, check_message),
        Handler("execute_shortcode", execute_shortcode, "task", ExecuteShortcodeParams, False, check_shortcode),
    ]
