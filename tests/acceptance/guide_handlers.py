"""What is true after the blocks on built-in handlers: each of their `params` becomes the params of a real step."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.guide import (
    CHAT,
    IDLE,
    Reader,
    assert_gave_up,
    content,
    data,
    lasted,
    moment,
    put,
    said,
    without_id,
)
from tests.handlers.certificates import certificate, forget_trust, trust
from tests.handlers.server import Server, answer, serving


async def delay(guide: Reader) -> None:
    (params,) = guide.given("params")
    run = await guide.step(params)

    assert {"seconds": 5} == data(run)
    assert lasted(run.steps["Only"]) >= 5


async def log(guide: Reader) -> None:
    (params,) = guide.given("params")
    run = await guide.step(params)

    assert {"message": "Log message", "level": "info"} == data(run)
    assert [("info", "Log message")] == said(guide, run)


async def notification(guide: Reader) -> None:
    (params,) = guide.given("params")
    run = await guide.step(params)

    assert {"message": "Notification message", "type": "success"} == data(run)
    assert [("Notification message", "success")] == guide.operator.notified


async def set_context(guide: Reader) -> None:
    (params,) = guide.given("params")
    run = await guide.step(params)

    assert "AERIS" == data(run)
    assert {"user_name": "AERIS"} == run.context


async def get_context(guide: Reader) -> None:
    (params,) = guide.given("params")

    assert "AERIS" == data(await guide.step(params, {"user_name": "AERIS"}))
    assert data(await guide.step(params)) is None


async def condition_check(guide: Reader) -> None:
    (params,) = guide.given("params")

    assert data(await guide.step(params, {"count": 6})) is True
    assert data(await guide.step(params, {"count": 5})) is False


async def send_message(guide: Reader) -> None:
    (params,) = guide.given("params")
    run = await guide.step(params, {"user_name": "AERIS"}, chat_id=42)
    await guide.step({"text": params["text"]}, {"user_name": "Ana"}, chat_id=42)

    assert {"chat_id": CHAT, "message_ids": [1]} == data(run)
    assert [(CHAT, "Hello AERIS!"), (42, "Hello Ana!")] == guide.chat.sent


async def execute_shortcode(guide: Reader) -> None:
    (params,) = guide.given("params")
    pinned = []

    async def pin(message: str, execution: Any) -> dict[str, str]:
        pinned.append((message, execution.chat_id))
        return {"pinned": message}

    guide.processor.register_shortcode("GROUP:PIN_MESSAGE", pin)
    run = await guide.step(params, chat_id=42)

    assert {"pinned": "message_id"} == data(run)
    assert [("message_id", 42)] == pinned


async def database_operation(guide: Reader) -> None:
    find, insert, update, delete = guide.given("params")
    someone, someone_else = {"id": 123, "active": True}, {"id": "123", "active": True}
    await guide.insert("users", someone, someone_else, IDLE)
    await guide.insert("temp_data", {"n": 1, "expired": True}, {"n": 2, "expired": True}, {"n": 3, "expired": False})

    assert [someone, someone_else] == [without_id(user) for user in data(await guide.step(find))]
    assert ["inserted_ids"] == list(data(await guide.step(insert)))
    assert {"matched": 1, "modified": 1} == data(await guide.step(update))
    assert {"deleted": 2} == data(await guide.step(delete))
    assert [{"message": "Log entry", "timestamp": "2024-01-01"}] == await guide.documents("logs")
    assert [{**someone, "last_seen": "2024-01-01"}, someone_else, IDLE] == await guide.documents("users")
    assert [{"n": 3, "expired": False}] == await guide.documents("temp_data")


async def file_operation(guide: Reader) -> None:
    read, write, append, delete = guide.given("params")
    assert content(read["file_path"]) is None

    for params, reason in ((read, "no such file"), (write, "no folder"), (append, "no folder")):
        run = await guide.step(params)
        assert ("failed", 1) == (run.status, run.steps["Only"].attempts)
        assert str(Path(params["file_path"]).parent) in str(run.error)
        assert reason in str(run.error)
    assert {
        "path": delete["file_path"],
        "deleted": False,
        "reason": "there is no such file",
    } == data(await guide.step(delete))
    await files_that_are_there(guide, *map(move_to(guide.folder), (read, write, append, delete)))


async def files_that_are_there(guide: Reader, read: Any, write: Any, append: Any, delete: Any) -> None:
    """The same params with paths in a folder that exists."""
    for params in (read, append, delete):
        put(params["file_path"], "here\n")

    assert "here\n" == data(await guide.step(read))
    assert {"path": write["file_path"], "bytes": 12} == data(await guide.step(write))
    assert {"path": append["file_path"], "bytes": 14} == data(await guide.step(append))
    assert {"path": delete["file_path"], "deleted": True} == data(await guide.step(delete))
    assert "File content" == content(write["file_path"])
    assert "here\nNew log entry\n" == content(append["file_path"])
    assert content(delete["file_path"]) is None


def move_to(folder: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda params: {**params, "file_path": str(folder / Path(params["file_path"]).name)}


async def api_call(guide: Reader) -> None:
    """Nobody answers at first; then a server on this machine stands in for the guide's host, TLS included."""
    (params,) = guide.given("params")
    out_of_reach = await guide.step(params)
    async with standing_in(guide, "api.example.com") as server:
        server.on("/data", answer(b'{"accepted": true}', content_type="application/json"))
        run = await guide.step(params)
    (request,) = server.seen

    assert_gave_up(guide, out_of_reach, "Only", "api.example.com")
    assert ["body", "headers", "status"] == sorted(data(run))
    assert (200, {"accepted": True}) == (data(run)["status"], data(run)["body"])
    assert "application/json" == data(run)["headers"]["content-type"]
    assert ("POST", {"key": "value"}) == (request.method, json.loads(request.body))
    assert "Bearer token" == request.headers["authorization"]
    assert request.headers["idempotency-key"]


@asynccontextmanager
async def standing_in(guide: Reader, host: str) -> AsyncIterator[Server]:
    """A server with a certificate for `host`, which the block's process trusts, and to which its connections go."""
    with pytest.MonkeyPatch.context() as patch:
        async with serving(trust(certificate(guide.folder / "certificate.pem", host), patch)) as server:
            guide.loop.hosts, guide.loop.ports = {host}, {443: server.port}
            yield server
    forget_trust()


async def parallel_group(guide: Reader) -> None:
    (params,) = guide.given("params")
    run = await guide.step(params)
    first, second = run.steps["Only/Task 1"], run.steps["Only/Task 2"]

    assert {"Task 1": {"message": "Parallel task 1", "level": "info"}, "Task 2": {"seconds": 2}} == data(run)
    assert ("completed", "completed") == (first.status, second.status)
    assert moment(second.started_at) <= moment(first.finished_at)
    assert lasted(second) >= 2
