"""api_call against a real server on loopback: what goes out, what comes back, and servers that mean no good."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from syncara import MultiStepProcessor, NonRetryableError, StepResult, SyncaraError, ValidationError
from syncara.abc import Handler
from syncara.core.limits import MIB, SECONDS_MAX
from syncara.handlers import http_client, web
from tests.handlers.server import Answer, Server, answer, endless, redirect, serving
from tests.handlers.support import HANG_S, awaited, failed, refused, run

JSON = "application/json"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@pytest.fixture
async def other() -> AsyncIterator[Server]:
    """A second site."""
    async with serving() as server:
        yield server


@pytest.fixture
def handler() -> Handler:
    return web.handlers()[0]


@pytest.fixture
async def processor(tmp_path: Path, handler: Handler) -> AsyncIterator[MultiStepProcessor]:
    async with MultiStepProcessor(tmp_path / "syncara.db", durability="fast") as started:
        started._handlers.install([handler])  # noqa: SLF001 - the handler under test
        yield started


async def call(handler: Handler, url: str, **params: Any) -> Any:
    """The data of a call that succeeds."""
    result = await awaited(handler, {"url": url, **params})
    assert isinstance(result, StepResult)
    assert result.success, result.error
    return result.data


async def final(handler: Handler, url: str, **params: Any) -> str:
    """The error of a call that no further attempt can help."""
    with pytest.raises(NonRetryableError) as caught:
        await awaited(handler, {"url": url, **params})
    return str(caught.value)


async def passing(handler: Handler, url: str, **params: Any) -> str:
    """The error of a call that may succeed at the next attempt."""
    with pytest.raises(SyncaraError) as caught:
        await awaited(handler, {"url": url, **params})
    assert not isinstance(caught.value, NonRetryableError)
    return str(caught.value)


def signed_in(url: str, user: str) -> str:
    return url.replace("http://", f"http://{user}@")


# What goes out.


async def test_a_call_returns_status_headers_and_decoded_json(server: Server, handler: Handler) -> None:
    """Header names are in lower case, whatever the server wrote; one call is one request."""
    url = server.on("/users/7", answer(b'{"name": "Ana"}', Content_Type=JSON, ETag='"x"'))

    data = await call(handler, url)

    expected = {"content-length": "15", "content-type": JSON, "etag": '"x"'}
    assert {"status": 200, "headers": expected, "body": {"name": "Ana"}} == data
    assert [("GET", "/users/7", b"")] == [(seen.method, seen.target, seen.body) for seen in server.seen]
    assert {"host", "user-agent", "accept", "accept-encoding", "idempotency-key"} == set(server.seen[0].headers)
    assert f"127.0.0.1:{server.port}" == server.seen[0].headers["host"]
    assert server.seen[0].headers["user-agent"].startswith("syncara/")


@pytest.mark.parametrize(
    ("params", "method", "content_type", "body"),
    [
        ({"data": {"key": "wert ü"}}, "POST", JSON, '{"key":"wert ü"}'),
        ({"data": [1, 2]}, "POST", JSON, "[1,2]"),
        ({"data": "plain ü"}, "POST", "text/plain; charset=utf-8", "plain ü"),
        ({"json": "plain"}, "POST", JSON, '"plain"'),
        ({"form": {"a": "1 & ü", "b": [True, None], "c": 2.5}}, "POST", None, "a=1+%26+%C3%BC&b=true&b=&c=2.5"),
        ({"method": "put", "data": {}}, "PUT", JSON, "{}"),
        ({"method": "PATCH", "data": {}, "headers": {"content-type": "x/y"}}, "PATCH", "x/y", "{}"),
        ({"method": "GET", "data": {"q": 1}}, "GET", JSON, '{"q":1}'),
    ],
)
async def test_the_body_is_json_text_or_a_form(
    server: Server, handler: Handler, params: dict[str, Any], method: str, content_type: str | None, body: str
) -> None:
    """Data is JSON unless it is text; with a body the method is POST unless it is given."""
    await call(handler, server.on("/", answer()), **params)

    seen = server.seen[0]
    assert (method, body) == (seen.method, seen.body.decode())
    assert (content_type or "application/x-www-form-urlencoded") == seen.headers["content-type"]
    assert str(len(body.encode())) == seen.headers["content-length"]


async def test_a_request_without_a_body_has_no_content_type(server: Server, handler: Handler) -> None:
    """A POST says that its length is zero, which servers insist on; a GET says nothing."""
    url = server.on("/", answer())
    await call(handler, url, method="POST")
    await call(handler, url)

    assert ["0", None] == [seen.headers.get("content-length") for seen in server.seen]
    assert [None, None] == [seen.headers.get("content-type") for seen in server.seen]


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        ("/s", {"q": "a b&c", "n": 1, "tags": ["x", "ü"], "on": True, "none": None},
         "/s?q=a%20b%26c&n=1&tags=x&tags=%C3%BC&on=true&none="),
        ("/s?page=2#part", {"n": 1}, "/s?page=2&n=1"),
        ("/s?signature=a%2Fb+c", {}, "/s?signature=a%2Fb+c"),
        ("/New York/ü", {}, "/New%20York/%C3%BC"),
    ],
)  # fmt: skip
async def test_the_query_is_added_to_the_url(
    server: Server, handler: Handler, path: str, query: dict[str, Any], target: str
) -> None:
    """What the URL holds already stays as it was written; characters that a URL cannot hold are encoded."""
    server.on(target.partition("?")[0], answer())

    await call(handler, server.url(path), query=query)

    assert target == server.seen[0].target


async def test_headers_are_sent_as_given(server: Server, handler: Handler) -> None:
    """Numbers become text, space around a value goes, and the user's own replace those that are always sent."""
    headers = {"Authorization": " Bearer token\t", "X-Number": 7, "X-Name": "José", "user-agent": "mine"}

    await call(handler, server.on("/", answer()), headers=headers)

    seen = server.seen[0].headers
    assert ("Bearer token", "7", "mine") == (seen["authorization"], seen["x-number"], seen["user-agent"])
    assert "José" == seen["x-name"].encode("latin-1").decode()


async def test_credentials_in_the_url_become_a_header(server: Server, handler: Handler) -> None:
    """They are sent as Basic authorization, unless there is one."""
    url = signed_in(server.on("/", answer()), "ana:p%40ss")
    await call(handler, url)
    await call(handler, url, headers={"authorization": "Bearer token"})

    assert ["Basic YW5hOnBAc3M=", "Bearer token"] == [seen.headers["authorization"] for seen in server.seen]


async def test_every_attempt_carries_the_same_idempotency_key(server: Server, processor: MultiStepProcessor) -> None:
    """A server that knows the header can drop the repeat; the key is the step's own in its execution."""
    url = server.on("/", answer(b"", 503), answer())

    ended = await run(processor, "api_call", {"url": url, "method": "POST"})

    assert ("completed", 2) == (ended.status, ended.steps["Only"].attempts)
    keys = {seen.headers["idempotency-key"] for seen in server.seen}
    assert {f"{ended.id}:{ended.steps['Only'].id}"} == keys


async def test_an_idempotency_key_of_the_user_stays(server: Server, handler: Handler) -> None:
    """However it is spelled."""
    await call(handler, server.on("/", answer()), headers={"idempotency-KEY": "mine"})

    assert "mine" == server.seen[0].headers["idempotency-key"]


async def test_the_environment_plays_no_part(
    server: Server, handler: Handler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither proxies nor a netrc file: what is sent where stands in the params."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ana password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    await call(handler, server.on("/", answer()))

    assert "authorization" not in server.seen[0].headers


async def test_calls_share_no_cookies(server: Server, handler: Handler) -> None:
    """What a server sets in one execution is not sent by another."""
    url = server.on("/", answer(Set_Cookie="session=1"))
    await call(handler, url)
    await call(handler, url)

    assert "cookie" not in server.seen[1].headers


# What comes back.


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"[1, 2.5, null]", JSON, {"body": [1, 2.5, None]}),
        (b'{"title": "x"}', "application/problem+json; charset=utf-8", {"body": {"title": "x"}}),
        (b"<html>", JSON, {"body": "<html>"}),
        (b"[" * 100_000, JSON, {"body": "[" * 100_000}),
        ("Grüße".encode(), "text/plain", {"body": "Grüße"}),
        ("Grüße".encode("latin-1"), 'text/html; Charset="ISO-8859-1"', {"body": "Grüße"}),
        (b"plain", "text/plain; charset=unheard-of", {"body": "cGxhaW4=", "encoding": "base64"}),
        (b"plain", "text/plain; charset=punycode", {"body": "plain"}),
        (b"\x89PNG\r\n", "image/png", {"body": "iVBORw0K", "encoding": "base64"}),
        (b"", JSON, {"body": None}),
    ],
)
async def test_the_body_is_json_text_or_base64(
    server: Server, handler: Handler, body: bytes, content_type: str, expected: dict[str, Any]
) -> None:
    """JSON where the server says so and it is; text in its character set; anything else base64, marked as such."""
    data = await call(handler, server.on("/", answer(body, Content_Type=content_type)))

    assert expected == {name: value for name, value in data.items() if name not in ("status", "headers")}


async def test_no_content_is_null(server: Server, handler: Handler) -> None:
    """For 204, and for HEAD, whose answer tells of a body that is not sent."""
    gone = server.on("/gone", b"HTTP/1.1 204 No Content\r\n\r\n")
    large = server.on("/large", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nContent-Encoding: gzip\r\n\r\n")

    assert (204, None) == ((await call(handler, gone, method="DELETE"))["status"], (await call(handler, gone))["body"])
    assert None is (await call(handler, large, method="HEAD"))["body"]


async def test_several_headers_of_one_name_are_joined(server: Server, handler: Handler) -> None:
    """With commas, as HTTP defines it."""
    url = server.on("/", b"HTTP/1.1 200 OK\r\nVary: a\r\nvary: b\r\nContent-Length: 0\r\n\r\n")

    assert "a, b" == (await call(handler, url))["headers"]["vary"]


@pytest.mark.parametrize("size", [3, 1_000, 5_000_000])
async def test_a_packed_body_is_unpacked(server: Server, handler: Handler, size: int) -> None:
    """Gzip is the packing that is asked for; others are refused."""
    text = os.urandom(size // 2).hex()

    data = await call(handler, server.on("/", answer(gzip.compress(text.encode()), Content_Encoding="gzip")))

    assert text == data["body"]
    assert "gzip" == server.seen[0].headers["accept-encoding"]
    url = server.on("/", answer(b"x", Content_Encoding="br"))
    assert "unknown_coding" in await final(handler, url, headers={"Accept-Encoding": "br"})


PACKED = gzip.compress(b"some text")


@pytest.mark.parametrize("body", [PACKED[:-4], PACKED + b"more", PACKED + PACKED, b"no gzip at all"])
async def test_a_damaged_packing_is_an_error(server: Server, handler: Handler, body: bytes) -> None:
    """It may have broken on the way, so another attempt is made."""
    said = await passing(handler, server.on("/", answer(body, Content_Encoding="gzip")))

    assert said.startswith("broken_answer: ")
    assert "gzip" in said


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


# Redirects.


async def test_redirects_are_followed_and_counted(server: Server, handler: Handler) -> None:
    """Up to five; the result tells how many there were."""
    for n in range(5):
        server.on(f"/{n}", redirect(f"/{n + 1}"))
    server.on("/5", answer(b"here"))

    result = await awaited(handler, {"url": server.url("/0")})

    assert ("here", {"redirects": 5}) == (result.data["body"], result.metadata)
    server.on("/5", redirect("/0"))
    assert "redirects more than 5 times" in await final(handler, server.url("/0"))
    assert 6 + 6 == len(server.seen)


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "POST", ("GET", b"", None)),
        (302, "POST", ("GET", b"", None)),
        (303, "PUT", ("GET", b"", None)),
        (302, "PUT", ("PUT", b'{"a":1}', JSON)),
        (307, "POST", ("POST", b'{"a":1}', JSON)),
        (308, "DELETE", ("DELETE", b'{"a":1}', JSON)),
    ],
)
async def test_a_redirect_repeats_the_request_or_asks_for_the_result(
    server: Server, handler: Handler, status: int, method: str, expected: tuple[str, bytes, str | None]
) -> None:
    """As HTTP defines it: 307 and 308 repeat; 303, and the others after a POST, ask with GET."""
    server.on("/new", answer())

    await call(handler, server.on("/old", redirect("/new", status)), method=method, data={"a": 1})

    seen = server.seen[1]
    assert expected == (seen.method, seen.body, seen.headers.get("content-type"))


async def test_a_head_stays_a_head(server: Server, handler: Handler) -> None:
    """Also after 303."""
    server.on("/new", answer())

    await call(handler, server.on("/old", redirect("/new", 303)), method="HEAD")

    assert ["HEAD", "HEAD"] == [seen.method for seen in server.seen]


async def test_credentials_do_not_go_to_another_site(server: Server, other: Server, handler: Handler) -> None:
    """Every header that may be one stays behind; those that describe the request go along, and so does the key."""
    headers = {"Authorization": "Bearer t", "X-Api-Key": "k", "Cookie": "c=1", "Accept": "text/plain"}
    url = signed_in(server.on("/", redirect(other.on("/x", answer()), 307)), "me:secret")

    await call(handler, url, headers=headers, data="text")

    kept = set(other.seen[0].headers) - {"host", "content-length"}
    assert {"accept", "accept-encoding", "content-type", "idempotency-key", "user-agent"} == kept
    assert f"127.0.0.1:{other.port}" == other.seen[0].headers["host"]
    assert "text/plain" == other.seen[0].headers["accept"]


async def test_credentials_stay_with_their_site(server: Server, handler: Handler) -> None:
    """A redirect within the same scheme, host and port keeps every header."""
    server.on("/new", answer())
    url = server.on("/old", redirect("/new?x=1"))

    await call(handler, url, headers={"Authorization": "Bearer t", "X-Api-Key": "k"})

    seen = server.seen[1].headers
    assert ("Bearer t", "k") == (seen["authorization"], seen["x-api-key"])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/x", "https://a.example:443/y", True),
        ("http://a.example", "https://a.example", True),
        ("https://a.example", "http://a.example", False),
        ("http://a.example:8080", "https://a.example", False),
        ("http://a.example", "https://b.example", False),
        ("https://a.example", "https://b.a.example", False),
        ("https://a.example", "https://a.example:8443", False),
    ],
)
def test_a_site_is_a_scheme_a_host_and_a_port(one: str, other: str, same: bool) -> None:
    """The move of the same host from http to https is the one exception, so that it does not cost the credentials."""
    assert same == http_client._same_site(httpx2.URL(one), httpx2.URL(other))  # noqa: SLF001


@pytest.mark.parametrize(
    "location", ["ftp://x/y", "file:///etc/passwd", "http://[::1", "http://a:b:c/", "http://a:99999/"]
)
async def test_a_redirect_to_no_web_page_is_final(server: Server, handler: Handler, location: str) -> None:
    """Only http and https are followed, and only to a host."""
    assert "invalid_url" in await final(handler, server.on("/", redirect(location)))


async def test_the_body_of_a_redirect_is_not_read(server: Server, handler: Handler) -> None:
    """Endless or not, it is left alone."""
    server.on("/new", answer(b"here"))
    url = server.on(
        "/old", endless(CHUNKED.replace(b"200", b"302") + b"Location: /new\r\n\r\n", b"5\r\nhello\r\n" * 1000)
    )

    assert "here" == (await call(handler, url))["body"]


async def test_a_redirect_without_a_target_is_the_answer(server: Server, handler: Handler) -> None:
    """So are 300 and 304, which are no redirects."""
    url = server.on("/", answer(b"choose", 300), answer(b"", 302), b"HTTP/1.1 304 Not Modified\r\n\r\n")

    assert [300, 302, 304] == [(await call(handler, url))["status"] for _ in range(3)]


# Who may be reached.


async def test_the_connect_hook_says_which_address_is_used(server: Server) -> None:
    """The name is looked up by the hook alone; the server still hears the name."""
    asked = []

    async def connect(host: str, port: int) -> str:
        asked.append((host, port))
        return "127.0.0.1"

    server.on("/old", redirect(server.url("/new", "second.invalid")))
    server.on("/new", answer(b"here"))

    data = await call(web.handlers(connect)[0], server.url("/old", "first.invalid"))

    assert "here" == data["body"]
    assert [("first.invalid", server.port), ("second.invalid", server.port)] == asked
    assert [f"{n}.invalid:{server.port}" for n in ("first", "second")] == [seen.headers["host"] for seen in server.seen]


async def test_an_ipv6_address_is_a_host_too(server: Server) -> None:
    """The hook gets the bare address, the server the one in brackets."""
    asked = []

    async def connect(host: str, port: int) -> str:
        asked.append(host)
        return "127.0.0.1"

    server.on("/", answer())

    await call(web.handlers(connect)[0], server.url("/", "[::1]"))

    assert (["::1"], f"[::1]:{server.port}") == (asked, server.seen[0].headers["host"])


async def test_the_connect_hook_can_forbid_an_address(server: Server, other: Server) -> None:
    """What it raises is the step's error; nothing is sent there, not even after a redirect."""

    async def connect(host: str, port: int) -> str:
        if port == other.port:
            raise NonRetryableError(f"{host} may not be called")
        return host

    handler = web.handlers(connect)[0]

    assert "127.0.0.1 may not be called" in await final(handler, other.on("/", answer()))
    assert "127.0.0.1 may not be called" in await final(handler, server.on("/", redirect(other.url())))
    assert [] == other.seen


async def test_a_look_up_that_fails_is_tried_again(server: Server) -> None:
    """An OSError of the hook, such as a name that is not found or a time-out, is a connection that failed."""

    async def connect(host: str, port: int) -> str:
        raise TimeoutError("the name server does not answer")

    said = await passing(web.handlers(connect)[0], server.url())

    assert "connection_failed" in said
    assert "the name server does not answer" in said


OPENSSL = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tested.invalid"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new certificate for the name tested.invalid, with its key beside it."""
    folder = tmp_path_factory.mktemp("tls")
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    names = ["-addext", "subjectAltName=DNS:tested.invalid"]
    subprocess.run([*OPENSSL, *files, *names], check=True, capture_output=True)
    return folder / "cert.pem"


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[Server]:
    """A server that shows the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    async with serving(context) as server:
        yield server


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process trusts the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    http_client._tls.cache_clear()  # noqa: SLF001 - what the environment names is read once
    yield
    http_client._tls.cache_clear()  # noqa: SLF001


async def to_loopback(host: str, port: int) -> str:
    return "127.0.0.1"


async def test_a_certificate_that_nobody_vouches_for_is_final(secure: Server) -> None:
    """Nothing is sent to a server that cannot show who it is."""
    url = f"https://tested.invalid:{secure.port}/"

    said = await final(web.handlers(to_loopback)[0], url, headers={"Authorization": "Bearer t"})

    assert "untrusted_server" in said
    assert [] == secure.seen


@pytest.mark.usefixtures("trusting")
async def test_the_certificate_is_held_against_the_name_not_the_address(secure: Server) -> None:
    """The hook's address does not replace the host's name; another name is refused."""
    handler = web.handlers(to_loopback)[0]
    secure.on("/", answer(b"well"))

    assert "well" == (await call(handler, f"https://tested.invalid:{secure.port}/"))["body"]
    assert "untrusted_server" in await final(handler, f"https://other.invalid:{secure.port}/")


# Checks before anything runs.


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, ["param 'url' is missing"]),
        ({"url": "api.example.com/data"}, ["begin it with https://) Example: https://api.example.com/data"]),
        ({"url": "/data"}, ["the URL has no scheme"]),
        ({"url": "ftp://example.com"}, ["api_call does not speak 'ftp'"]),
        ({"url": "https://"}, ["no valid host and port"]),
        ({"url": "https://example.com:99999"}, ["no valid host and port"]),
        ({"url": "https://[::1"}, ["no valid host and port"]),
        ({"url": "https://example.com/a\r\nX: y"}, ["holds a control character"]),
        ({"url": 7}, ["'url'"]),
        ({"url": "http://x", "method": "PSOT"}, ["Did you mean 'POST'?"]),
        ({"url": "http://x", "method": "CONNECT"}, ["there is no method 'CONNECT'"]),
        ({"url": "http://x", "headers": {"A": "b\r\nC: d"}}, ["holds a line break"]),
        ({"url": "http://x", "headers": {"A b": "c"}}, ["a header cannot be called 'A b'"]),
        ({"url": "http://x", "headers": {"Content-Length": "5", "host": "y"}}, ["'Content-Length' is set", "'host'"]),
        ({"url": "http://x", "headers": {"A": None}}, ["'headers'"]),
        ({"url": "http://x", "query": {"a": {"b": 1}}}, ["'query'"]),
        ({"url": "http://x", "data": {"a": 1}, "form": {"b": 2}}, ["one body, not data and form"]),
        ({"url": "http://x", "timeout_s": 0}, ["'timeout_s'"]),
        ({"url": "http://x", "params": {}}, ["there is no param 'params'"]),
    ],
)
def test_wrong_params_are_all_named_before_the_run(handler: Handler, params: dict[str, Any], said: list[str]) -> None:
    """One problem for each thing that is wrong, with a fix."""
    found = refused(handler, params)

    assert len(said) == len(found), found
    for expected, problem in zip(said, found, strict=True):
        assert expected in problem


@pytest.mark.parametrize(
    "params",
    [
        {"url": "https://api.example.com/data", "method": "POST", "data": {"key": "value"}},
        {"url": "{context.url}", "method": "{context.method}", "timeout_s": "{context.seconds}"},
        {"url": "HTTPS://EXAMPLE.com:8443", "headers": {"X": "{context.a}"}},
        {"url": "https://[::1]/x", "data": None, "json": {"a": 1}},
    ],
)
def test_right_params_and_placeholders_pass_the_check(handler: Handler, params: dict[str, Any]) -> None:
    """What a placeholder will bring is judged when it has."""
    assert [] == refused(handler, params)


# In the engine.


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"url": "{context.no_scheme}"}, "invalid_url: the URL has no scheme"),
        ({"url": "https://{context.bad_host}/"}, "invalid_url: Invalid IDNA hostname"),
        ({"method": "{context.no_scheme}"}, "invalid_method: there is no method"),
        ({"headers": {"X": "{context.two_lines}"}}, "invalid_header: a header's value holds a line break"),
        ({"timeout_s": "{context.minus}"}, "the params do not fit handler 'api_call'"),
    ],
)
async def test_what_a_placeholder_brings_is_judged_before_anything_is_sent(
    server: Server, processor: MultiStepProcessor, params: dict[str, Any], said: str
) -> None:
    """Wrong values are final: one attempt, and no request."""
    context = {"no_scheme": "example.com", "bad_host": "a..\u00ad", "two_lines": "a\r\nEvil: b", "minus": -1}

    ended = await run(processor, "api_call", {"url": server.url(), **params}, context)

    _, attempts, error = failed(ended)
    assert 1 == attempts
    assert error.startswith(said)
    assert [] == server.seen


async def test_the_next_step_works_on_what_came_back(server: Server, processor: MultiStepProcessor) -> None:
    """Status, headers and body are within reach of placeholders."""
    url = server.on("/data", answer(json.dumps({"items": [{"id": 7}]}).encode(), Content_Type=JSON, X_Total="1"))
    call = {"url": url, "method": "POST", "headers": {"Authorization": "Bearer token"}, "data": {"key": "value"}}
    message = "{steps.Call.data.status} {steps.Call.data.headers.x-total} {steps.Call.data.body.items[0].id}"
    steps = [
        {"name": "Call", "handler": "api_call", "params": call},
        {"name": "Log", "handler": "log", "params": {"message": message}, "dependencies": ["Call"]},
    ]
    workflow_id = processor.define({"name": "two steps", "steps": steps})

    ended = await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)

    assert "completed" == ended.status, ended.errors
    result = ended.steps["Log"].result
    assert result is not None
    assert "200 1 7" == result.data["message"]
    assert ("POST", b'{"key":"value"}') == (server.seen[0].method, server.seen[0].body)


async def test_the_check_refuses_the_run(processor: MultiStepProcessor) -> None:
    """execute_workflow names the step and the param, and nothing starts."""
    with pytest.raises(ValidationError, match="step 'Only', field 'params', 'url': the URL has no scheme"):
        await run(processor, "api_call", {"url": "example.com"})


def test_the_http_client_is_loaded_by_the_first_call(tmp_path: Path) -> None:
    """A program that calls nothing does not pay for it."""
    program = (
        "import sys, syncara\nfrom syncara.handlers import web\nweb.handlers()\n"
        f"syncara.MultiStepProcessor({str(tmp_path / 'x.db')!r}).list_workflows()\n"
        "print([name for name in sys.modules if name.startswith('http')])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()
