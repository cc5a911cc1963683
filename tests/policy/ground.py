"""A world around one chat, and everything that could be seen of a workflow in it: what tests of hostile replies share.

Chat 5 is one person's with the bot, and theirs are the replies. Beside it there are another person's chat 6, the chat
"5", which is a third one, the group -100, and what the developer has made. `Ground.facts` lists all of it as lines of
text, so that whatever a reply does is the difference between two such lists.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncara import ExecutionStatus, MultiStepProcessor
from syncara.core import events as e
from syncara.core.errors import ApprovalError
from syncara.policy.policy import Policy, read
from syncara.shortcodes.outcome import Reply
from syncara.testing import FakeClock
from tests.handlers.server import Server, answer, redirect, serving
from tests.replies.support import Chats

MINE, OTHER, TEXT, GROUP = 5, 6, "5", -100
PUBLIC = "93.184.215.14"
HELD = {ExecutionStatus.AWAITING_APPROVAL, ExecutionStatus.SCHEDULED, ExecutionStatus.PAUSED}
ENDLESS = '{"seconds":1000}'
SLEEP = f"[MULTISTEP:CREATE_WORKFLOW:NAME]\n[MULTISTEP:ADD_STEP:workflow_id:Wait:delay:{ENDLESS}]\n"
TELL = '[MULTISTEP:ADD_STEP:workflow_id:Tell:send_message:{"text":"TEXT"}:Wait]\n'
KEEP = '[MULTISTEP:QUICK_WORKFLOW:Keep:[{"name":"Note","handler":"database_operation","params":{"operation":"insert","collection":"notes","data":{"text":"TEXT"}}}]]'
FILE = '[MULTISTEP:QUICK_WORKFLOW:File:[{"name":"Write","handler":"file_operation","params":{"operation":"write","file_path":"own.txt","content":"TEXT"}}]]'
"""What chats have done before, with `NAME` and `TEXT` to be filled in."""


class Watched(Chats):
    """A messenger that knows its announcements from what steps send."""

    def said(self) -> list[str]:
        """What steps have sent."""
        told = zip(self.keys, self.sent, strict=True)
        return [f"sent {chat!r}: {text}" for key, (chat, text) in told if ":announce:" not in key]

    def announced(self) -> list[tuple[Any, str]]:
        told = zip(self.keys, self.sent, strict=True)
        return [sent for key, sent in told if ":announce:" in key]


class Operator:
    """A notifier that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def notify(self, message: str, type: str, *, idempotency_key: str) -> None:
        self.told.append(message)


class Ground:
    def __init__(self, folder: Path, server: Server, policy: Policy, names: Mapping[str, str]) -> None:
        self.folder = folder
        self.chats = Watched()
        self.operator = Operator()
        self.clock = FakeClock()
        self.server = server
        self.connected: list[str] = []
        self.called: list[str] = []
        """Custom handlers and shortcodes, with what they were given."""
        self.names = dict(names)
        """The ids that lines of the corpus write as `<WF6>`."""
        self.bot = MultiStepProcessor(
            folder / "bot.db",
            messenger=self.chats,
            notifier=self.operator,
            workspace=folder / "workspace",
            clock=self.clock,
            durability="fast",
            policy=policy,
        )
        self._register()

    def _register(self) -> None:
        def handler(name: str) -> Callable[[Any, Any], Any]:
            return lambda step, execution: self.called.append(f"called {name} {_json(step.params)}")

        def shortcode(name: str) -> Callable[[str, Any], Any]:
            async def run(params: str, execution: Any) -> None:
                self.called.append(f"ran {name} {params!r} in {execution.chat_id!r}")

            return run

        self.bot.register_handler("ban_user", handler("ban_user"))
        self.bot.register_handler("greet", handler("greet"), ai=True)
        self.bot.register_handler("load", lambda step, execution: step.params, ai=True)
        self.bot.register_shortcode("GROUP:KICK", shortcode("GROUP:KICK"))
        self.bot.register_shortcode("GROUP:SAY", shortcode("GROUP:SAY"), data=True)

    # What happens.

    async def reply(self, text: str, chat_id: Any = MINE, user_id: Any = MINE, message_id: Any = None) -> Reply:
        """Carry a reply out, and wait until its runs have ended, or wait for a person or a time."""
        reply = await self.bot.process_reply(self.filled(text), chat_id=chat_id, user_id=user_id, message_id=message_id)
        await self.settle()
        return reply

    async def approve(self) -> None:
        """Say yes, as chat 5's person, to everything that has been asked since the world was made."""
        for approval in self.bot.list_approvals():
            if approval.id not in self.names.values():
                with suppress(ApprovalError):
                    await self.bot.approve(approval.id, user_id=MINE)
        await self.settle()

    async def settle(self) -> None:
        for run in self.bot.list_executions():
            if not run.status.final and run.status not in HELD:
                await self._settled(run.id)

    async def _settled(self, execution_id: str) -> None:
        async with asyncio.timeout(10):
            async for event in self.bot.watch(execution_id):
                if isinstance(event, e.StepSlept | e.RetryPlanned | e.Finished):
                    return

    def filled(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace(f"<{name}>", value)
        return text

    # What there is.

    def facts(self) -> Counter[str]:
        """Everything, each thing as a line."""
        return Counter(
            [
                *self.chats.said(),
                *(f"pinned {chat!r} {message!r}" for chat, message in self.chats.pinned),
                *(f"notified: {message}" for message in self.operator.told),
                *self.connected,
                *self.called,
                *self._files(),
                *self._documents(),
                *self._definitions(),
                *self._runs(),
            ]
        )

    def _files(self) -> list[str]:
        base = self.folder
        paths = [path for path in base.rglob("*") if not path.name.startswith("bot.db") and not path.is_dir()]
        return [f"file {path.relative_to(base)}: {path.read_text('utf-8')}" for path in paths]

    def _documents(self) -> list[str]:
        connection = sqlite3.connect(f"file:{self.folder / 'bot.db'}?mode=ro", uri=True)
        try:
            rows = connection.execute("SELECT scope, collection, body FROM documents").fetchall()
        finally:
            connection.close()
        documents = [(scope, collection, msgspec.json.decode(body)) for scope, collection, body in rows]
        return [
            f"document in {scope or 'common'}, {collection}: {_json({k: v for k, v in body.items() if k != '_id'})}"
            for scope, collection, body in documents
        ]

    def _definitions(self) -> list[str]:
        made = (self.bot.get_workflow(each.id) for each in self.bot.list_workflows(1_000))
        return [
            f"workflow of {each.chat_id!r} {each.name}: " + ", ".join(f"{s.name} ({s.handler})" for s in each.steps)
            for each in made
        ]

    def _runs(self) -> list[str]:
        runs = self.bot.list_executions(limit=1_000)
        return [f"run in {run.chat_id!r} {run.workflow_name}: {run.status}" for run in runs]


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def difference(before: Counter[str], after: Counter[str]) -> list[str]:
    """What is there now and was not, and what was there, marked with a minus; in order."""
    return sorted([*(after - before).elements(), *(f"- {gone}" for gone in (before - after).elements())])


# Making one.


async def made(folder: Path) -> dict[str, str]:
    """Make the world once, in a folder that is then copied; returns the ids of what is in it."""
    async with serving() as server:
        ground = Ground(folder, server, Policy(), {})
        names: dict[str, str] = {}
        async with ground.bot as bot:
            for chat, number, name in (
                (MINE, 5, "Tea"),
                (OTHER, 6, "Payroll"),
                (TEXT, 55, "Text"),
                (GROUP, 100, "Club"),
            ):
                code = SLEEP.replace("NAME", name) + TELL.replace("TEXT", f"{name} is ready")
                reply = await ground.reply(code + "[MULTISTEP:EXECUTE:workflow_id]", chat, chat)
                names |= {f"WF{number}": reply.outcomes[0].id or "", f"RUN{number}": reply.execution_ids[0]}
                names[f"ST{number}"] = bot.get_workflow(names[f"WF{number}"]).steps[0].id
                await ground.reply(KEEP.replace("TEXT", f"of {name}"), chat, chat)
                asked = await ground.reply(FILE.replace("TEXT", f"of {name}"), chat, chat)
                if chat != GROUP:
                    await bot.approve(asked.approval_ids[0], user_id=chat)
                    asked = await ground.reply(FILE.replace("own.txt", "later.txt"), chat, chat)
                names |= {f"ASK{number}": asked.approval_ids[0], f"HELD{number}": asked.execution_ids[0]}
            nightly = bot.define(
                {"name": "Nightly", "steps": [{"name": "Log", "handler": "log", "params": {"message": "night"}}]}
            )
            later = await bot.execute_workflow(nightly, start_at=ground.clock.now() + 1_000)
            names |= {"WF0": nightly, "RUN0": later}
            await bot.documents.insert("users", [{"name": "Ana", "card": 4929}])
            await bot.documents.insert("notes", [{"text": "of the developer"}])
            (folder / "workspace" / "secret.txt").write_text("of the developer")
    return names


@asynccontextmanager
async def ground_in(
    folder: Path,
    template: Path,
    names: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    policy: Mapping[str, Any] | None = None,
) -> AsyncIterator[Ground]:
    """A copy of the world, started. Whatever it calls on the web is answered on loopback."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    async with serving() as server:
        server.on("/", answer(b'{"ok": true}', content_type="application/json"))
        server.on("/moved", redirect("http://other.example.com/"))
        server.on("/inside", redirect("http://169.254.169.254/"))
        ground = Ground(folder, server, read(policy or {}), names)
        lead_to(ground, monkeypatch)
        async with ground.bot:
            yield ground


def lead_to(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name stands for one public address, and every connection ends at the server of the test."""
    create_connection, look_up = asyncio.BaseEventLoop.create_connection, socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> Sequence[Any]:
        numeric = {"type": socket.SOCK_STREAM, "flags": socket.AI_NUMERICHOST}
        try:
            found = look_up(host, port, **numeric)
        except socket.gaierror:
            ground.connected.append(f"looked up {host}")
            found = look_up(PUBLIC, port, **numeric)
        return found

    async def connect(loop: Any, protocol: Any, host: str, port: int, **options: Any) -> Any:
        ground.connected.append(f"connected to {host}:{port}")
        return await create_connection(loop, protocol, "127.0.0.1", ground.server.port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", connect)
