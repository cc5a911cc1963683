"""Secrets at the call: filled in where the author wrote their names, for whoever may use them, and for one site."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncara import MultiStepProcessor, Problem, ValidationError
from syncara.abc import ExecutionInput, Handler
from syncara.handlers import http_client, web
from syncara.handlers.failures import FinalError
from syncara.handlers.http import Site
from syncara.policy.secrets import Secrets
from syncara.runtimes.driver import StepInput
from tests.handlers.server import Server, answer, redirect, serving
from tests.handlers.support import HANG_S, Attempt, failed, run
from tests.policy.secret_values import (
    BEARER,
    PASSWORD,
    TOKEN,
    VALUES,
    call,
    error_of,
    traces,
)


@pytest.fixture
async def other() -> AsyncIterator[Server]:
    """A second site."""
    async with serving() as server:
        yield server


@pytest.fixture
async def processor(tmp_path: Path, environment: None) -> AsyncIterator[MultiStepProcessor]:
    async with MultiStepProcessor(tmp_path / "syncara.db", durability="fast") as started:
        yield started


@pytest.fixture
def handler() -> Handler:
    return web.handlers(secrets=Secrets(VALUES))[0]


# At the call.


async def test_a_run_does_not_start_with_an_unknown_secret(server: Server, processor: MultiStepProcessor) -> None:
    """Nothing is sent."""
    with pytest.raises(ValidationError, match="unknown_secret"):
        await run(processor, "api_call", {"url": server.url(), "headers": {"A": "{secret.OTHER}"}})

    assert [] == server.seen


async def test_a_secret_that_is_gone_fails_its_step_for_good(server: Server, tmp_path: Path, environment: None) -> None:
    """The run began with it, and goes on in a process without: one attempt, and nothing is sent."""
    url = server.on("/", answer())
    steps = [
        {"name": "Wait", "handler": "gate"},
        {"name": "Only", "handler": "api_call", "params": {"url": url, "headers": BEARER}, "dependencies": ["Wait"]},
    ]
    async with MultiStepProcessor(tmp_path / "x.db") as first:
        first.register_handler("gate", lambda step, execution: None)
        workflow_id = first.define({"name": "two steps", "steps": steps})
        execution_id = await first.execute_workflow(workflow_id)
        await first.pause_execution(execution_id)
    for name in VALUES:
        del os.environ[f"SYNCARA_SECRET_{name}"]
    async with MultiStepProcessor(tmp_path / "x.db") as second:
        second.register_handler("gate", lambda step, execution: None)
        await second.resume_execution(execution_id)
        code, attempts, said = failed(await second.wait(execution_id, HANG_S))

    assert ("unknown_secret", 1) == (code, attempts)
    assert "there is no secret 'TOKEN'" in said
    assert [] == server.seen


async def test_a_secret_is_sent_and_its_name_is_stored(server: Server, processor: MultiStepProcessor) -> None:
    """Beside text and data, several in one header; the definition and the journal keep the placeholder."""
    headers = {**BEARER, "X": "{context.user}:{secret.PASSWORD}:{secret.TOKEN}", "Y": "\\{secret.TOKEN} {secret.TOKEN}"}

    ended = await run(processor, "api_call", {"url": server.on("/", answer()), "headers": headers}, {"user": "ana"})

    assert "completed" == ended.status, ended.errors
    seen = server.seen[0].headers
    assert f"Bearer {TOKEN}" == seen["authorization"]
    assert f"ana:{PASSWORD}:{TOKEN}" == seen["x"]
    assert f"{{secret.TOKEN}} {TOKEN}" == seen["y"]
    assert headers == processor.get_workflow(ended.workflow_id).steps[0].params["headers"]


@pytest.mark.parametrize(
    ("headers", "context"),
    [
        ({"X": "{context.x}"}, {"x": "{secret.TOKEN}"}),
        ({"X": "Bearer {context.x}"}, {"x": "{secret.TOKEN}"}),
        ({"X": "{context.x}cret.TOKEN}"}, {"x": "{se"}),
        ({"X": "{secret.{context.x}}"}, {"x": "TOKEN"}),
        ({"X": "{{context.x}}"}, {"x": "secret.TOKEN"}),
        ({"X": "{context.x}", "Y": "{secret.TOKEN}"}, {"x": "{secret.TOKEN}"}),
        ({"X": "\\{secret.TOKEN}{context.x}"}, {"x": "{secret.TOKEN}"}),
        ({"X": "{context.missing|none} {context.x}"}, {"x": "{secret.TOKEN}"}),
        ("{context.x}", {"x": {"X": "{secret.TOKEN}"}}),
        ("{context.x}", {"x": {"headers": "{secret.TOKEN}", "X": "{secret.TOKEN}"}}),
    ],
)
async def test_data_cannot_name_a_secret(
    server: Server, processor: MultiStepProcessor, headers: Any, context: dict[str, Any]
) -> None:
    """One that came in with a value is refused for good, and nothing is sent; without it the call is made."""
    params = {"url": server.on("/", answer()), "headers": headers}
    try:
        code, attempts, _ = failed(await run(processor, "api_call", params, context))
    except ValidationError as error:  # what cannot be read is found before the run
        code, attempts = error.code, 1

    assert attempts <= 1
    assert code in ("secret_from_data", "secret_in_value", "secret_misplaced", "malformed_placeholder")
    assert [] == server.seen


async def test_data_without_a_secret_is_sent(server: Server, processor: MultiStepProcessor) -> None:
    """The benign twin: braces and even the word are only text."""
    headers = {"X": "{context.x}", "Y": "{secret.TOKEN} {context.x}"}
    url = server.on("/", answer())

    ended = await run(processor, "api_call", {"url": url, "headers": headers}, {"x": "{a} secret.TOKEN {secret}"})

    assert "completed" == ended.status, ended.errors
    assert "{a} secret.TOKEN {secret}" == server.seen[0].headers["x"]


async def test_a_result_cannot_name_a_secret(server: Server, processor: MultiStepProcessor) -> None:
    """What a server answers is data too."""
    server.on("/first", answer(b"{secret.TOKEN}"))
    url = server.on("/second", answer())
    steps = [
        {"name": "First", "handler": "api_call", "params": {"url": server.url("/first")}},
        {
            "name": "Only",
            "handler": "api_call",
            "params": {"url": url, "headers": {"X": "{steps.First.data.body}"}},
            "dependencies": ["First"],
        },
    ]
    execution_id = await processor.execute_workflow(processor.define({"name": "two steps", "steps": steps}))
    code, attempts, _ = failed(await processor.wait(execution_id, HANG_S))

    assert ("secret_from_data", 1) == (code, attempts)
    assert ["/first"] == [seen.target for seen in server.seen]


async def test_a_secret_is_not_filled_in_outside_of_headers(server: Server, handler: Handler) -> None:
    """Where something else brings it into the URL or the body, it is the text that it looks like."""
    url = server.on("/", answer())

    await call(handler, url, {}, query={"q": "{secret.TOKEN}"}, data="{secret.TOKEN}")

    assert b"{secret.TOKEN}" == server.seen[0].body
    assert "/?q=%7Bsecret.TOKEN%7D" == server.seen[0].target


async def test_a_step_without_its_definition_sends_no_secret(server: Server, handler: Handler) -> None:
    """Nobody can say whether the name is the author's."""
    step = StepInput("step", "Step", msgspec.convert({"url": server.url(), "headers": BEARER}, web.ApiCallParams))

    with pytest.raises(FinalError, match="secret_from_data"):
        await handler.fn(step, Attempt())
    assert [] == server.seen


async def test_a_handler_sees_its_params_as_they_were_written(processor: MultiStepProcessor) -> None:
    """A copy: what a handler does to it does not reach the definition."""
    seen = []

    async def look(step: Any, execution: Any) -> None:
        seen.append(step.written)
        step.written["a"].append(1)
        seen.append((step.written, step.params))

    processor.register_handler("look", look)
    written = {"a": ["{context.x}"]}
    await run(processor, "look", written, {"x": 5})

    assert [written, (written, {"a": [5]})] == seen


# Who may use one.


class ByAssistant(Attempt):
    """An execution whose workflow an assistant wrote."""

    author = "ai"


class Anywhere:
    """A guard that forbids nothing, for a server on loopback."""

    def url(self, url: str) -> None: ...

    def site(self, host: str, port: int, scheme: str, method: str) -> None: ...

    def addresses(self, host: str, addresses: object) -> None: ...


@pytest.fixture
def no_address_is_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let guarded calls reach the server on this machine."""
    monkeypatch.setattr(http_client, "_stays_here", lambda address: False)


async def test_an_assistant_may_use_no_secret_by_default(server: Server, no_address_is_own: None) -> None:
    """Nothing is sent; the same call without the secret is."""
    handler = web.handlers(guard=lambda step, execution: Anywhere(), secrets=Secrets(VALUES))[0]
    url = server.on("/", answer(b"here"))

    error = await error_of(handler, url, execution=ByAssistant())
    assert isinstance(error, FinalError)
    assert ("secret_refused", []) == (error.code, server.seen)

    assert "here" == (await call(handler, url, {"X": "y"}, ByAssistant()))["body"]


async def test_the_hook_decides_by_name_site_and_execution(server: Server, no_address_is_own: None) -> None:
    """It is asked for each secret, with the site that is connected to; what it returns is the error."""
    asked: list[tuple[str, Site, object]] = []

    def may_use(name: str, there: Site, execution: ExecutionInput) -> Problem | None:
        asked.append((name, there, execution))
        return None if (name, there.host) == ("TOKEN", "127.0.0.1") else Problem("denied", "here", "not there", "try")

    handler = web.handlers(None, lambda step, execution: Anywhere(), Secrets(VALUES), may_use)[0]
    server.on("/", answer(b"here"))
    by_assistant = ByAssistant()

    await call(handler, server.url(), execution=by_assistant)
    assert f"Bearer {TOKEN}" == server.seen[0].headers["authorization"]
    for url, headers in ((server.url("/", "LocalHost"), BEARER), (server.url(), {"X": "{secret.PASSWORD}"})):
        assert "denied: here: not there (try)" == str(await error_of(handler, url, headers, by_assistant))
    assert 1 == len(server.seen)
    here = Site("127.0.0.1", server.port, "http")
    assert [("TOKEN", here), ("TOKEN", here._replace(host="localhost")), ("PASSWORD", here)] == [
        each[:2] for each in asked
    ]
    assert all(execution is by_assistant for _, _, execution in asked)


# Redirects.

HEADERS = ("Authorization", "Accept", "Accept-Language", "User-Agent", "Idempotency-Key", "Content-Type", "X-Own")


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_secret_does_not_follow_to_another_site(
    server: Server, other: Server, handler: Handler, header: str, status: int
) -> None:
    """Whatever header it is in, and not on the way back either; on the same site it stays."""
    server.on("/back", answer(b"back"))
    other.on("/x", redirect(server.url("/back")))
    server.on("/stay", redirect("/leave", status))
    url = server.on("/leave", redirect(other.url("/x"), status)).replace("/leave", "/stay")

    assert "back" == (await call(handler, url, {header: "a {secret.TOKEN}"}))["body"]

    assert ["/stay", "/leave", "/back"] == [seen.target for seen in server.seen]
    kept = 1 if (status, header) == (303, "Content-Type") else 2  # what then follows is another request, without a body
    assert [f"a {TOKEN}"] * kept == [seen.headers[header.lower()] for seen in server.seen[:kept]]
    for seen in (*other.seen, server.seen[2]):
        assert [] == traces(str(seen))


async def test_a_secret_does_not_follow_to_another_name_of_the_host(server: Server, handler: Handler) -> None:
    """A name and its address are two hosts."""
    server.on("/x", answer())
    url = server.on("/", redirect(server.url("/x", "localhost")))

    await call(handler, url, {"User-Agent": "{secret.TOKEN}", "Accept": "text/plain"})

    assert TOKEN == server.seen[0].headers["user-agent"]
    assert [] == traces(str(server.seen[1]))
    assert "text/plain" == server.seen[1].headers["accept"]
