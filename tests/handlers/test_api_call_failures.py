"""api_call and servers that refuse, break off, go on for ever or say nothing."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from syncara import MultiStepProcessor
from syncara.abc import Handler
from syncara.core.limits import MIB, SECONDS_MAX
from syncara.handlers import http_client, web
from tests.handlers.server import Answer, Server, answer, endless, serving
from tests.handlers.support import HANG_S, awaited, failed, run
from tests.handlers.web_calls import CHUNKED, PACKED, call, final, passing, signed_in


@pytest.fixture
def handler() -> Handler:
    return web.handlers()[0]


# Failures.


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_status_that_passes_is_tried_again(server: Server, processor: MultiStepProcessor, status: int) -> None:
    """The server is overloaded, or something on the way to it is."""
    ended = await run(processor, "api_call", {"url": server.on("/", answer(b"", status))})

    assert (f"http_{status}", 2) == failed(ended)[:2]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422, 451, 499, 501, 599])
async def test_a_status_that_stays_is_final(server: Server, processor: MultiStepProcessor, status: int) -> None:
    """The same request would get the same answer."""
    ended = await run(processor, "api_call", {"url": server.on("/", answer(b"", status))})

    assert (f"http_{status}", 1) == failed(ended)[:2]


async def test_the_error_quotes_the_server_and_hides_the_url(server: Server, handler: Handler) -> None:
    """What the server says is shown on one line and cut; path, query and credentials of the URL are often secret."""
    body = b'{\n  "error":  "no such user"\n}' + b" x" * 1000
    url = signed_in(server.on("/bot-secret/users", answer(body, 404)), "me:secret")

    said = await final(handler, url, query={"token": "secret"})

    assert said.startswith(
        f"http_404: GET http://127.0.0.1:{server.port}: "
        'the server answered 404 Not Found: { "error": "no such user" } x x'
    )
    assert said.endswith("… (check 'url')")
    assert "secret" not in said


async def stuck(writer: asyncio.StreamWriter) -> None:
    """Begin the body of a failure and never go on."""
    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\n.")


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"\x1f\x8bbroken", 404, Content_Encoding="gzip"),
        answer(gzip.compress(b"0" * 20 * MIB), 404, Content_Encoding="gzip"),
        answer(b"packed", 404, Content_Encoding="br"),
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nhalf",
        endless(CHUNKED.replace(b"200", b"404") + b"\r\n", b"5\r\nhello\r\n" * 1000),
        stuck,
    ],
)
async def test_the_status_counts_whatever_the_body_is(
    server: Server, handler: Handler, monkeypatch: pytest.MonkeyPatch, sent: Answer
) -> None:
    """A broken, endless, stuck or oversized body of a failure does not hide the failure."""
    monkeypatch.setattr(http_client, "EXCERPT_S_MAX", 0.05)

    assert "http_404" in await final(handler, server.on("/", sent))


NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "0"}, 0),
        ({"Retry_After": "9" * 5000}, SECONDS_MAX),
        ({"Retry_After": format_datetime(NOW + timedelta(minutes=2), usegmt=True), "Date": format_datetime(NOW)}, 120),
        ({"Retry_After": format_datetime(NOW - timedelta(minutes=2), usegmt=True), "Date": format_datetime(NOW)}, 0),
        ({"Retry_After": format_datetime(datetime(2000, 1, 1, tzinfo=UTC), usegmt=True)}, 0),
    ],
)
async def test_retry_after_is_honoured(
    server: Server, handler: Handler, headers: dict[str, str], wait_s: float
) -> None:
    """In seconds, or as a date, which is read by the server's own clock where the answer shows it."""
    with pytest.raises(http_client.RetryLater, match="http_429") as raised:
        await awaited(handler, {"url": server.on("/", answer(b"", 429, **headers))})

    assert wait_s == raised.value.retry_after


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "Mon, 99 Jan 2030 00:00:00 GMT", ""])
async def test_a_retry_after_that_says_nothing_is_ignored(server: Server, handler: Handler, value: str) -> None:
    """The step's own delays apply."""
    assert "http_503" in await passing(handler, server.on("/", answer(b"", 503, Retry_After=value)))


async def test_the_engine_waits_as_long_as_the_server_asks(server: Server, processor: MultiStepProcessor) -> None:
    """The retry is planned for the time that the server named, not for the step's shorter delay."""
    url = server.on("/", answer(b"", 503, Retry_After="1000"))
    step = {"name": "Only", "handler": "api_call", "params": {"url": url}, "retry_delay": 0}
    execution_id = await processor.execute_workflow(processor.define({"name": "one step", "steps": [step]}))

    async for event in processor.watch(execution_id):
        if type(event).__name__ == "RetryPlanned":
            break
    state = processor.get_execution(execution_id).steps["Only"]
    await processor.cancel_execution(execution_id)

    assert state.wake_at is not None
    assert state.started_at is not None
    assert state.wake_at >= state.started_at + 1000


async def nothing_listens() -> int:
    """A port that was free a moment ago."""
    async with serving() as server:
        return server.port


async def test_a_refused_connection_is_tried_again(processor: MultiStepProcessor) -> None:
    """The error says where to."""
    port = await nothing_listens()

    code, attempts, said = failed(await run(processor, "api_call", {"url": f"http://127.0.0.1:{port}/x"}))

    assert ("connection_failed", 2) == (code, attempts)
    assert f"GET http://127.0.0.1:{port}: " in said


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        CHUNKED + b"\r\n5\r\nhel",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nBroken header\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_broken_off_or_no_http_is_tried_again(
    server: Server, handler: Handler, sent: bytes
) -> None:
    """Nothing of it is taken for a result."""
    assert "broken_answer" in await passing(handler, server.on("/", sent))


async def test_tls_where_there_is_none_is_tried_again(handler: Handler) -> None:
    """The handshake fails, which is a connection that failed."""

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", 400))
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(no_tls, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]

        assert "connection_failed" in await passing(handler, f"https://127.0.0.1:{port}/")


# Limits.


async def test_a_body_may_have_exactly_the_limit(server: Server, handler: Handler) -> None:
    """One byte more is refused; the limit counts what is unpacked."""
    body = b"x" * http_client.BODY_BYTES_MAX

    data = await call(handler, server.on("/", answer(gzip.compress(body, 1), Content_Encoding="gzip")))
    assert len(body) == len(data["body"])

    url = server.on("/", answer(gzip.compress(body + b"x", 1), Content_Encoding="gzip"))
    assert "answer_too_large" in await final(handler, url)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"Content-Length: 999999999\r\n\r\n", b"x" * 60_000),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 0x8000 + b"\r\n"),
        (b"Content-Encoding: gzip\r\n\r\n" + PACKED[:10], b"\0\0\0\xff\xff" * 10_000),
    ],
)
async def test_an_endless_body_is_stopped(server: Server, handler: Handler, head: bytes, piece: bytes) -> None:
    """However it is sent, and also when nothing comes out of its unpacking; the connection is closed."""
    url = server.on("/", endless(b"HTTP/1.1 200 OK\r\n" + head, piece))

    assert "answer_too_large" in await final(handler, url)
    await asyncio.wait_for(server.left.wait(), HANG_S)


async def test_a_bomb_is_stopped_while_it_unfolds(server: Server, handler: Handler) -> None:
    """A small packed body that unpacks to 200 MiB is left after the limit."""
    bomb = gzip.compress(b"0" * 200 * MIB, 1)

    said = await final(handler, server.on("/", answer(bomb, Content_Encoding="gzip")))

    assert f"larger than {http_client.BODY_BYTES_MAX} bytes" in said


async def hold(writer: asyncio.StreamWriter) -> None:
    """Begin a body and never go on."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n.")


async def silence(writer: asyncio.StreamWriter) -> None:
    """Answer nothing."""


@pytest.mark.parametrize("slow", [hold, silence])
async def test_timeout_s_ends_the_whole_call(server: Server, handler: Handler, slow: Any) -> None:
    """A server that is silent, or stops within the body, costs the time allowed and no more."""
    said = await passing(handler, server.on("/", slow), timeout_s=0.05)

    assert "timeout: " in said
    assert "within 0.05 s" in said
    await asyncio.wait_for(server.left.wait(), HANG_S)


async def test_the_timeout_of_the_step_hangs_up(server: Server, processor: MultiStepProcessor) -> None:
    """The server sees the connection go, and another call beside it completes."""
    steps: list[dict[str, Any]] = [
        {"name": "Slow", "handler": "api_call", "params": {"url": server.on("/slow", hold)}, "timeout": 0.2},
        {"name": "Neighbour", "handler": "api_call", "params": {"url": server.on("/well", answer())}},
    ]
    steps = [{**step, "retry_count": 0, "on_error": "continue"} for step in steps]
    workflow_id = processor.define({"name": "slow", "steps": steps})

    ended = await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)

    assert ["timeout"] == [error["code"] for error in ended.errors]
    assert "completed" == ended.steps["Neighbour"].status
    await asyncio.wait_for(server.left.wait(), HANG_S)


async def test_cancelling_the_run_hangs_up(server: Server, processor: MultiStepProcessor) -> None:
    """Also while a call waits for a server."""
    step = {"name": "Only", "handler": "api_call", "params": {"url": server.on("/", hold)}}
    execution_id = await processor.execute_workflow(processor.define({"name": "one step", "steps": [step]}))
    await asyncio.wait_for(server.arrived.wait(), HANG_S)

    assert await processor.cancel_execution(execution_id)
    await asyncio.wait_for(server.left.wait(), HANG_S)
