"""api_call in workflows that an assistant wrote: nothing but the public web is ever connected to.

Names are resolved by a fake, and a fake connector leads every address to one server on loopback: what counts is which
addresses the connector was asked for.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from syncara import StepResult, SyncaraError
from syncara.abc import Handler
from syncara.core.errors import Problem
from syncara.handlers import http_client, web
from syncara.handlers.failures import FinalError
from syncara.policy.addresses import PublicWeb
from tests.handlers.certificates import certificate, forget_trust, trust
from tests.handlers.server import Server, answer, redirect, serving
from tests.handlers.support import Attempt, awaited

CORPUS = Path(__file__).with_name("corpus") / "addresses.jsonl"
LINES_MIN = 110
PUBLIC = "93.184.215.14"
START = "start.example.com"
"""Where calls begin that are then redirected."""


class Line(NamedTuple):
    """A hostile URL and its benign twin, which differs in the one point tested."""

    reason: str
    by: str
    """What refuses it: `address` (at the socket, with no other rule at work), `site` (host, port and scheme, in a
    redirect too) or `text` (as the author wrote it)."""
    hostile: str
    twin: str
    answers: Sequence[str] = (PUBLIC,)
    """What the hostile URL's name resolves to."""
    twin_answers: Sequence[str] = (PUBLIC,)


LINES = [Line(**json.loads(line)) for line in CORPUS.read_text("utf-8").splitlines()]


def lines(*by: str) -> pytest.MarkDecorator:
    """The lines that one of these rules refuses."""
    chosen = [pytest.param(line, id=line.reason) for line in LINES if line.by in by]
    return pytest.mark.parametrize("line", chosen)


class ByAssistant(Attempt):
    """An execution whose workflow an assistant wrote."""

    author = "ai"


class Net:
    """The world outside: what names resolve to, and which addresses were connected to."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.names: dict[str, list[Sequence[str]]] = {START: [[PUBLIC]]}
        """Answers to one look-up after the other, the last for good."""
        self.default: Sequence[str] = [PUBLIC]
        """Of every other name."""
        self.looked_up: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.dead: set[str] = set()
        """Addresses that refuse the connection."""

    def resolve(self, host: str) -> Sequence[str]:
        self.looked_up.append(host)
        answers = self.names.get(host)
        if answers is None:
            return self.default
        return answers.pop(0) if len(answers) > 1 else answers[0]


REAL_LOOK_UP = socket.getaddrinfo


def numeric(host: str, port: int) -> list[Any]:
    """The address that the C library reads from the text, odd notations included; no name server is asked."""
    return REAL_LOOK_UP(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)


def look_up(net: Net) -> Callable[..., list[Any]]:
    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        try:
            return numeric(host, port)
        except socket.gaierror:
            return [info for address in net.resolve(host) for info in numeric(address, port)]

    return getaddrinfo


@pytest.fixture
async def net(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Net]:
    """The fakes at the seam of the standard library, and one server that answers for everybody."""
    create_connection = asyncio.BaseEventLoop.create_connection

    async def connect(loop: Any, protocol: Any, host: str, port: int, **options: Any) -> Any:
        outside.connected.append((host, port))
        if host in outside.dead:
            raise ConnectionRefusedError("nobody there")
        return await create_connection(loop, protocol, "127.0.0.1", outside.server.port, **options)

    async with serving() as server:
        outside = Net(server)
        server.on("/", answer(b"here"))
        monkeypatch.setattr(socket, "getaddrinfo", look_up(outside))
        monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", connect)
        yield outside


@pytest.fixture
def handler() -> Handler:
    return web.handlers(guard=lambda step, execution: PublicWeb())[0]


async def call(handler: Handler, url: str, **params: Any) -> Any:
    """The result of a call that succeeds."""
    result = await awaited(handler, {"url": url, **params}, ByAssistant())
    assert isinstance(result, StepResult)
    return result.data["body"]


async def refused(handler: Handler, url: str) -> FinalError:
    """The error of a call that is refused for good."""
    with pytest.raises(FinalError) as caught:
        await awaited(handler, {"url": url}, ByAssistant())
    assert caught.value.code in ("address_refused", "invalid_url")
    return caught.value


# The corpus.


def test_the_corpus_holds_many_lines_each_of_its_own() -> None:
    """At least 110, each with its own reason, and a twin that is not the same."""
    assert LINES_MIN <= len(LINES)
    assert len(LINES) == len({line.reason for line in LINES})
    assert [] == [line for line in LINES if (line.hostile, line.answers) == (line.twin, line.twin_answers)]


@lines("address", "site", "text")
async def test_a_hostile_url_connects_to_nothing(net: Net, handler: Handler, line: Line) -> None:
    """Nothing is connected to; its twin is, at the address that the look-up gave."""
    net.default = line.answers
    await refused(handler, line.hostile)
    assert [] == net.connected

    net.default = line.twin_answers
    assert "here" == await call(handler, line.twin)
    assert 1 == len(net.connected) == len(net.server.seen)


@lines("address", "site")
async def test_a_redirect_to_a_hostile_url_is_not_followed(net: Net, handler: Handler, line: Line) -> None:
    """The first host is connected to, and nothing else; a redirect to the twin is followed."""
    net.default = line.answers
    net.server.on("/go", redirect(line.hostile))
    await refused(handler, f"http://{START}/go")
    assert [(PUBLIC, 80)] == net.connected

    net.default = line.twin_answers
    net.server.on("/go", redirect(line.twin))
    assert "here" == await call(handler, f"http://{START}/go")
    assert 3 == len(net.connected) == len(net.server.seen)


class AddressesAlone(PublicWeb):
    """The guard without its rules for what is written."""

    def url(self, url: str) -> Problem | None:
        return None

    def site(self, host: str, port: int, scheme: str, method: str) -> Problem | None:
        return None


@lines("address")
async def test_the_socket_refuses_whatever_the_url_looks_like(net: Net, line: Line) -> None:
    """The address is judged as the look-up gave it, so that no spelling of a host leads anywhere else."""
    net.default = line.answers
    handler = web.handlers(guard=lambda step, execution: AddressesAlone())[0]

    await refused(handler, line.hostile)
    assert [] == net.connected

    net.default = line.twin_answers
    assert "here" == await call(handler, line.twin)


# What is judged is what is used.


async def test_a_name_is_looked_up_once_and_the_server_hears_the_name(net: Net, handler: Handler) -> None:
    """The connector gets the address that was judged, the server the host of the URL."""
    net.names["api.example.com"] = [["8.8.8.8", "8.8.4.4"]]

    await call(handler, "http://api.example.com:8080/")

    assert ["api.example.com"] == net.looked_up
    assert [("8.8.8.8", 8080)] == net.connected
    assert "api.example.com:8080" == net.server.seen[0].headers["host"]


async def test_a_name_that_changes_its_address_is_caught(net: Net, handler: Handler) -> None:
    """The answer that was judged is used, whatever a second one would be; the next call judges the next answer."""
    net.names["api.example.com"] = [["8.8.8.8"], ["127.0.0.1"]]

    assert "here" == await call(handler, "http://api.example.com/")
    assert [("8.8.8.8", 80)] == net.connected

    said = await refused(handler, "http://api.example.com/")
    assert "'api.example.com' has an address that is not public (loopback)" == said.message
    assert [("8.8.8.8", 80)] == net.connected


async def test_a_redirect_to_the_same_host_is_judged_anew(net: Net, handler: Handler) -> None:
    """The name may have changed its address in between."""
    net.names[START] = [[PUBLIC], ["169.254.169.254"]]
    net.server.on("/go", redirect("/latest/meta-data"))

    await refused(handler, f"http://{START}/go")

    assert [(PUBLIC, 80)] == net.connected
    assert ["/go"] == [seen.target for seen in net.server.seen]


async def test_the_other_family_is_tried_when_the_first_is_dead(net: Net, handler: Handler) -> None:
    """A host may have an IPv6 address where this network has no way to it; both were judged."""
    net.names["api.example.com"] = [["2600::1", "2600::2", "8.8.8.8", "8.8.4.4"]]
    net.dead = {"2600::1"}

    assert "here" == await call(handler, "http://api.example.com/")
    assert [("2600::1", 80), ("8.8.8.8", 80)] == net.connected


async def test_an_address_of_this_machine_is_refused(net: Net, caplog: pytest.LogCaptureFixture) -> None:
    """Public or not: what a machine sends to itself passes no firewall. The address is in the log alone."""

    class Everywhere(AddressesAlone):
        def addresses(self, host: str, addresses: Sequence[str]) -> Problem | None:
            return None

    handler = web.handlers(guard=lambda step, execution: Everywhere())[0]
    net.names["api.example.com"] = [["8.8.8.8", "127.0.0.1"]]

    said = await refused(handler, "http://api.example.com/")

    assert "'api.example.com' is this machine itself" == said.message
    assert "'api.example.com' is at 127.0.0.1, which is this machine itself" in caplog.messages
    assert [] == net.connected
    net.names["api.example.com"] = [["8.8.8.8"]]
    assert "here" == await call(handler, "http://api.example.com/")


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """Shows a certificate of api.example.com that this process trusts."""
    yield trust(certificate(tmp_path / "cert.pem", "api.example.com"), monkeypatch)
    forget_trust()


async def test_tls_goes_by_the_name(net: Net, handler: Handler, tls: ssl.SSLContext) -> None:
    """The server is asked for the host of the URL, and its certificate held against that; so is the Host header."""
    asked_for: list[str] = []
    tls.sni_callback = lambda _, name, __: asked_for.append(name)
    async with serving(tls) as net.server:
        net.server.on("/", answer(b"secure"))

        assert "secure" == await call(handler, "https://api.example.com/")
        with pytest.raises(FinalError, match="untrusted_server"):
            await call(handler, "https://other.example.com/")

        assert [(PUBLIC, 443)] * 2 == net.connected
        assert ["api.example.com", "other.example.com"] == asked_for
        assert ["api.example.com"] == [seen.headers["host"] for seen in net.server.seen]


@pytest.mark.parametrize("place", ["http://api.example.com/", "http://other.example.com/"])
async def test_a_redirect_from_https_to_http_is_not_followed(
    net: Net, handler: Handler, tls: ssl.SSLContext, place: str
) -> None:
    """What was to be sent in secret would be sent in clear; one that stays with https is followed."""
    async with serving(tls) as net.server:
        net.server.on("/", answer(b"secure"))
        net.server.on("/stay", redirect("/", 307))
        net.server.on("/leave", redirect(place, 307))

        assert "secure" == await call(handler, "https://api.example.com/stay", method="POST", json={})
        with pytest.raises(FinalError, match=r"address_refused.*from https to http"):
            await call(handler, "https://api.example.com/leave", method="POST", json={})

        assert ["/stay", "/", "/leave"] == [seen.target for seen in net.server.seen]


async def test_proxies_of_the_environment_are_not_used(
    net: Net, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would look the name up itself, where nobody judges what comes out."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    await call(handler, "http://api.example.com/")

    assert [(PUBLIC, 80)] == net.connected


# Look-ups that fail.


async def test_a_name_that_is_not_found_is_tried_again(
    net: Net, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a connection that failed, not one that is refused."""

    def not_found(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", not_found)

    with pytest.raises(SyncaraError, match="connection_failed") as caught:
        await call(handler, "http://api.example.com/")
    assert not isinstance(caught.value, FinalError)
    assert [] == net.connected


async def test_a_look_up_takes_no_longer_than_a_connection_may(
    net: Net, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that does not answer does not hold the step."""
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait())
    monkeypatch.setattr(http_client, "CONNECT_S_MAX", 0.05)

    try:
        with pytest.raises(SyncaraError, match=r"no connection was made within 0\.05 s"):
            await call(handler, "http://api.example.com/")
    finally:
        release.set()
    assert [] == net.connected


# Who is guarded, and what else can be forbidden.


async def test_the_developer_reaches_any_address() -> None:
    """Workflows in Python call local services."""
    handler = web.handlers(guard=lambda step, execution: PublicWeb())[0]
    async with serving() as server:
        result = await awaited(handler, {"url": server.on("/", answer(b"here"))}, Attempt())

    assert "here" == result.data["body"]


@pytest.mark.parametrize("author", ["ai", "somebody", "", None])
async def test_whoever_is_not_the_developer_is_guarded(author: Any) -> None:
    """An author that nobody knows is no reason for trust."""
    handler = web.handlers(guard=lambda step, execution: PublicWeb())[0]
    async with serving() as server:
        with pytest.raises(FinalError, match="address_refused"):
            await awaited(handler, {"url": server.on("/", answer(b"here"))}, Attempt(author=author))

    assert [] == server.seen


async def test_without_a_guard_an_assistant_calls_nobody(net: Net) -> None:
    """A program that forgot the guard is closed, not open."""
    await refused(web.handlers()[0], "http://api.example.com/")

    assert ([], []) == (net.looked_up, net.connected)


async def test_the_connect_hook_has_no_say_in_guarded_calls(net: Net) -> None:
    """It could lead them to an address that nobody judged."""

    async def connect(host: str, port: int) -> str:
        return "127.0.0.1"

    handler = web.handlers(connect, lambda step, execution: PublicWeb())[0]

    assert "here" == await call(handler, "http://api.example.com/")
    assert [(PUBLIC, 80)] == net.connected


async def test_allowed_sites_hold_for_every_redirect(net: Net) -> None:
    """What is not allowed is neither looked up nor connected to; the guard is made for the execution."""
    executions = []

    def allowed(host: str, port: int, scheme: str, method: str) -> Problem | None:
        return None if (host, port, scheme) == (START, 80, "http") else Problem("host_not_allowed", "", f"not {host}")

    def guard(step: Any, execution: Any) -> PublicWeb:
        executions.append(execution)
        return PublicWeb(allowed)

    handler = web.handlers(guard=guard)[0]
    net.server.on("/stay", redirect("/"))
    assert "here" == await call(handler, f"http://{START}/stay")
    assert [ByAssistant()] == executions

    for place in ("http://api.example.com/", f"http://{START}:8080/", f"https://{START}/"):
        net.server.on("/leave", redirect(place))
        before = len(net.connected)
        with pytest.raises(FinalError, match="host_not_allowed"):
            await call(handler, f"http://{START}/leave")
        assert before + 1 == len(net.connected)
    with pytest.raises(FinalError, match="host_not_allowed"):
        await call(handler, "http://api.example.com/")
    assert {(PUBLIC, 80)} == set(net.connected)
    assert {START} == set(net.looked_up)
