"""api_call against a real server on loopback: what goes out, what comes back, and what is judged before."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from syncara import MultiStepProcessor, ValidationError
from syncara.abc import Handler
from syncara.handlers import web
from tests.handlers.server import Server, answer
from tests.handlers.support import HANG_S, failed, refused, run
from tests.handlers.web_calls import JSON, PACKED, call, final, passing, signed_in


@pytest.fixture
def handler() -> Handler:
    return web.handlers()[0]


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
        (b"a\\u0041", "text/plain; charset=Unicode-Escape", {"body": "a\\u0041"}),
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


@pytest.mark.parametrize("body", [PACKED[:-4], PACKED + b"more", PACKED + PACKED, b"no gzip at all"])
async def test_a_damaged_packing_is_an_error(server: Server, handler: Handler, body: bytes) -> None:
    """It may have broken on the way, so another attempt is made."""
    said = await passing(handler, server.on("/", answer(body, Content_Encoding="gzip")))

    assert said.startswith("broken_answer: ")
    assert "gzip" in said


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
