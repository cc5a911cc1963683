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
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from syncara import ExecutionStatus, MultiStepProcessor
from syncara.core import events as e
from syncara.core.errors import ApprovalError
from syncara.documents.embedded import EmbeddedDocuments
from syncara.policy.policy import read
from syncara.shortcodes.outcome import Reply
from syncara.stores.sqlite import SqliteStore
from syncara.testing import FakeClock, MemoryDisk, MemoryStore
from tests.handlers.certificates import certificate, forget_trust, trust
from tests.handlers.server import Seen, Server, answer, listening, redirect, serving
from tests.replies.support import Chats

MINE, OTHER, TEXT, GROUP = 5, 6, "5", -100
PUBLIC = "93.184.215.14"
CARD = 49_294_929
TOKEN = "tok_7Yh2Kq9ZmW4x-canary"  # noqa: S105 - made up
HELD = {ExecutionStatus.AWAITING_APPROVAL, ExecutionStatus.SCHEDULED, ExecutionStatus.PAUSED}
BEFORE = [
    """
[MULTISTEP:CREATE_WORKFLOW:NAME]
[MULTISTEP:ADD_STEP:workflow_id:Wait:delay:{"seconds":1000}]
[MULTISTEP:ADD_STEP:workflow_id:Tell:send_message:{"text":"NAME is ready"}:Wait]
[MULTISTEP:EXECUTE:workflow_id]
""",
    """
[MULTISTEP:QUICK_WORKFLOW:Keep:[{"name":"Note","handler":"database_operation",
 "params":{"operation":"insert","collection":"notes","data":{"text":"of NAME"}}}]]
""",
    """
[MULTISTEP:QUICK_WORKFLOW:Store:[{"name":"Write","handler":"file_operation",
 "params":{"operation":"write","file_path":"own.txt","content":"of NAME"}}]]
""",
    """
[MULTISTEP:QUICK_WORKFLOW:Later:[{"name":"Write","handler":"file_operation",
 "params":{"operation":"write","file_path":"later.txt","content":"of NAME"}}]]
""",
]
"""What each chat has done before; the last one still waits for its approval."""


class Watched(Chats):
    """A messenger that knows announcements from what steps send."""

    def said(self) -> list[str]:
        """What steps have sent."""
        told = zip(self.keys, self.sent, strict=True)
        return [f"sent {chat!r}: {text}" for key, (chat, text) in told if ":announce:" not in key]


class Operator:
    """A notifier that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def notify(self, message: str, type: str, *, idempotency_key: str) -> None:
        self.told.append(message)


class Ground:
    def __init__(
        self, folder: Path, server: Server, like: World | None = None, policy: Mapping[str, Any] | None = None
    ) -> None:
        self.chats = Watched()
        self.operator = Operator()
        self.clock = FakeClock()
        self.server = server
        self.connected: list[str] = []
        """What was looked up, and what was connected to."""
        self.called: list[str] = []
        """Custom handlers and shortcodes, with what they were given."""
        self.names = dict(like.names) if like is not None else {}
        """The ids that replies write as `<WF6>`: of workflows, their first steps, runs, runs that wait, approvals."""
        self.workspace = folder / "workspace"
        self._documents = folder / "documents.db"
        self.disk = MemoryDisk() if like is None else like.disk_again()
        self.documents = SqliteStore(self._documents, durability="fast")
        self.bot = self._bot(policy or {})

    def _bot(self, policy: Mapping[str, Any]) -> MultiStepProcessor:
        bot = MultiStepProcessor(
            messenger=self.chats,
            notifier=self.operator,
            workspace=self.workspace,
            clock=self.clock,
            store=MemoryStore(self.disk),
            documents=EmbeddedDocuments(self.documents.file),
            policy=read(policy),
        )
        bot.register_handler("ban_user", self._handler("ban_user"))
        bot.register_handler("greet", self._handler("greet"), ai=True)
        bot.register_shortcode("GROUP:KICK", self._shortcode("GROUP:KICK"))
        bot.register_shortcode("GROUP:SAY", self._shortcode("GROUP:SAY"), data=True)
        return bot

    def _handler(self, name: str) -> Callable[[Any, Any], None]:
        async def run(step: Any, execution: Any) -> None:
            self.called.append(f"called {name} {_json(step.params)}")

        return run  # type: ignore[return-value]

    def _shortcode(self, name: str) -> Callable[[str, Any], Any]:
        async def run(params: str, execution: Any) -> None:
            self.called.append(f"ran {name} {params!r} in {execution.chat_id!r}")

        return run

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

    async def restart(self, policy: Mapping[str, Any]) -> None:
        """With another policy."""
        await self.bot.stop()
        self.bot = self._bot(policy)
        await self.bot.start()
        await self.settle()

    async def settle(self) -> None:
        for run in self.bot.list_executions():
            if not run.status.final and run.status not in HELD:
                await self._settled(run.id)

    async def _settled(self, execution_id: str) -> None:
        async with asyncio.timeout(10):
            async for event in self.bot.watch(execution_id):
                waits = isinstance(event, e.StepSlept | e.RetryPlanned) and event.wake_at > event.at
                if waits or isinstance(event, e.Finished):
                    return

    def filled(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace(f"<{name}>", value)
        return text

    # What there is.

    def facts(self) -> Counter[str]:
        """Everything, each thing as a line."""
        runs, definitions = self.bot.list_executions(limit=1_000), self.bot.list_workflows(limit=1_000)
        return Counter(
            [
                *self.chats.said(),
                *(f"pinned {message!r} in {chat!r}" for chat, message in self.chats.pinned),
                *(f"notified: {message}" for message in self.operator.told),
                *self.connected,
                *map(_request_fact, self.server.seen),
                *self.called,
                *self._file_facts(),
                *self._document_facts(),
                *(self._definition_fact(each.id) for each in definitions),
                *(f"run of {run.workflow_name} in {run.chat_id!r}: {run.status}" for run in runs),
            ]
        )

    def _file_facts(self) -> list[str]:
        base = self.workspace.parent
        paths = [path for path in base.rglob("*") if path.is_file() and not path.name.startswith("documents.db")]
        return [f"file {path.relative_to(base)}: {path.read_text('utf-8')}" for path in paths]

    def _document_facts(self) -> list[str]:
        connection = sqlite3.connect(self._documents)
        try:
            rows = connection.execute("SELECT scope, collection, body FROM documents").fetchall()
        finally:
            connection.close()
        return [f"document of {scope or 'all'} in {name}: {_without_id(body)}" for scope, name, body in rows]

    def _definition_fact(self, workflow_id: str) -> str:
        made = self.bot.get_workflow(workflow_id)
        steps = ", ".join(f"{step.name} ({step.handler})" for step in made.steps)
        return f"workflow {made.name} of {made.chat_id!r}: {steps}"

    # Making it.

    async def build(self) -> None:
        async with self.bot:
            for chat, number, name in (
                (MINE, 5, "Tea"),
                (OTHER, 6, "Payroll"),
                (TEXT, 55, "Sauna"),
                (GROUP, 100, "Club"),
            ):
                await self._inhabit(chat, number, name)
            log = {"name": "Log", "handler": "log", "params": {"message": "night"}}
            nightly = self.bot.define({"name": "Nightly", "steps": [log]})
            later = await self.bot.execute_workflow(nightly, start_at=self.clock.now() + 1_000)
            self.names |= {"WF0": nightly, "RUN0": later}
            for collection in ("users", "notes"):
                await self.bot.documents.insert(collection, [{"name": "Ana", "card": CARD}])
        (self.workspace / "secret.txt").write_text(f"card {CARD}")

    async def _inhabit(self, chat: Any, number: int, name: str) -> None:
        made, _, stored, later = [await self.reply(text.replace("NAME", name), chat, chat) for text in BEFORE]
        if chat != GROUP:
            await self.bot.approve(stored.approval_ids[0], user_id=chat)
            await self.settle()
        workflow_id = self.bot.get_execution(made.execution_ids[0]).workflow_id
        self.names |= {
            f"WF{number}": workflow_id,
            f"ST{number}": self.bot.get_workflow(workflow_id).steps[0].id,
            f"RUN{number}": made.execution_ids[0],
            f"HELD{number}": later.execution_ids[0],
            f"ASK{number}": later.approval_ids[0],
        }


class World(NamedTuple):
    """What was made once, and is copied for each test."""

    folder: Path
    disk: MemoryDisk
    names: dict[str, str]
    certificate: Path
    """Of every host of example.com, with its key."""

    def disk_again(self) -> MemoryDisk:
        again = MemoryDisk()
        vars(again).update(deepcopy({k: v for k, v in vars(self.disk).items() if k not in ("mutex", "runner")}))
        return again

    def alone(self) -> World:
        """The same without anything that is not chat 5's."""
        disk = self.disk_again()
        mine = {each.key for each in disk.summaries.values() if each.chat_id == MINE and type(each.chat_id) is int}
        disk.summaries = {key: summary for key, summary in disk.summaries.items() if key in mine}
        disk.keys = {name: key for name, key in disk.keys.items() if key in mine}
        owned = {summary.workflow_id for summary in disk.summaries.values()}
        disk.definitions = {name: made for name, made in disk.definitions.items() if name in owned}
        return self._replace(disk=disk)


def _request_fact(seen: Seen) -> str:
    secret = " with the secret" if TOKEN in str(seen) else ""
    return f"asked {seen.headers['host']} for {seen.method} {seen.target}{secret}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _without_id(body: str) -> str:
    return _json({name: value for name, value in msgspec.json.decode(body).items() if name != "_id"})


def difference(before: Counter[str], after: Counter[str]) -> list[str]:
    """What is there now and was not, and what was there and is gone, marked with a minus; in order."""
    return sorted([*(after - before).elements(), *(f"- {gone}" for gone in (before - after).elements())])


async def made(folder: Path) -> World:
    async with serving() as server:
        ground = Ground(folder, server)
        await ground.build()
        ground.documents.close()
    return World(folder, ground.disk, ground.names, certificate(folder.with_name("certificate.pem"), "*.example.com"))


@asynccontextmanager
async def ground_in(
    folder: Path, world: World, monkeypatch: pytest.MonkeyPatch, policy: Mapping[str, Any] | None = None
) -> AsyncIterator[Ground]:
    """A copy of the world, with the bot started. Whatever it calls on the web is answered on loopback."""
    monkeypatch.setenv("SYNCARA_SECRET_TOKEN", TOKEN)
    shutil.copytree(world.folder, folder, dirs_exist_ok=True)
    tls = trust(world.certificate, monkeypatch)
    async with serving() as server, listening(server, tls) as secure:
        server.on("/", answer(b'{"said": "[MULTISTEP:CANCEL:execution_id]"}', content_type="application/json"))
        server.on("/moved", redirect("https://other.example.com/"))
        server.on("/inside", redirect("http://169.254.169.254/"))
        ground = Ground(folder, server, world, policy)
        lead_to(ground, secure, monkeypatch)
        try:
            await ground.bot.start()
            yield ground
        finally:
            await ground.bot.stop()
            ground.documents.close()
            forget_trust()


def lead_to(ground: Ground, tls_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name stands for one public address, and every connection ends at the server of the test."""
    create_connection, look_up = asyncio.BaseEventLoop.create_connection, socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> Any:
        try:
            return look_up(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            ground.connected.append(f"looked up {host}")
            return look_up(PUBLIC, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

    async def connect(loop: Any, protocol: Any, host: str, port: int, **options: Any) -> Any:
        ground.connected.append(f"connected to {host}:{port}")
        there = tls_port if port in (443, 8443) else ground.server.port
        return await create_connection(loop, protocol, "127.0.0.1", there, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", connect)
