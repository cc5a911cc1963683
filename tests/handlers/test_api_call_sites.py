"""Whom api_call talks to: redirects and what they take along, addresses, and certificates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from syncara import NonRetryableError
from syncara.abc import Handler
from syncara.handlers import http_client, web
from tests.handlers.certificates import certificate, forget_trust, shown, trust
from tests.handlers.server import Server, answer, endless, redirect, serving
from tests.handlers.support import awaited
from tests.handlers.web_calls import CHUNKED, JSON, call, final, passing, signed_in


@pytest.fixture
def handler() -> Handler:
    return web.handlers()[0]


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


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the name tested.invalid."""
    return certificate(tmp_path_factory.mktemp("tls") / "cert.pem", "tested.invalid")


@pytest.fixture
async def secure(tested: Path) -> AsyncIterator[Server]:
    """A server that shows the certificate."""
    async with serving(shown(tested)) as server:
        yield server


@pytest.fixture
def trusting(tested: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process trusts the certificate."""
    trust(tested, monkeypatch)
    yield
    forget_trust()


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
