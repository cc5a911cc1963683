"""One HTTP request, with a limit on everything that the other side decides.

Each request has a connection of its own: whether a host may be reached is asked every time, nothing of one execution
reaches another, and nothing needs closing. Proxies and credentials of the environment play no part.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import http.client
import logging
import socket
import ssl
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from datetime import UTC
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import httpcore2
import httpx2

from syncara.core.errors import SyncaraError
from syncara.core.limits import MIB, SECONDS_MAX
from syncara.handlers.failures import FinalError
from syncara.handlers.http import NO_SECRETS, Connect, Guard, Reply, Request, Secrets, Site, refuse

logger = logging.getLogger("syncara")

BODY_BYTES_MAX = 10 * MIB
"""Of a response's body, as it is sent and as it is unpacked."""
REDIRECTS_MAX = 5
CONNECT_S_MAX = 10
PORT_MAX = 65_535
PIECE_BYTES = 64 * 1024
"""How much is unpacked at once."""
EXCERPT_BYTES = 2_000
EXCERPT_CHARS = 300
EXCERPT_S_MAX = 5
"""How much of a failure's body is read, quoted and waited for."""

_RETRYABLE = {408, 425, 429, 500, 502, 503, 504}
_FIXES = {
    400: "correct the params as the answer says",
    401: "check the credentials in 'headers'",
    403: "check the credentials in 'headers', and what they permit",
    404: "check 'url'",
    405: "check 'method'",
    422: "correct the params as the answer says",
}
_REDIRECTS = {301, 302, 303, 307, 308}
_KEPT_ACROSS_SITES = {"accept", "accept-encoding", "accept-language", "content-type", "idempotency-key", "user-agent"}
"""Any other header may be a credential, and these too when they hold a secret: it is for the first site alone."""
_secrets: ContextVar[Secrets] = ContextVar("secrets", default=NO_SECRETS)
"""What the call under way must not show."""


class _Masked(logging.Filter):
    """Of all that the HTTP library says when it is asked to log everything: it quotes what servers answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _secrets.get().mask(record.getMessage()), ()
        return True


for _part in ("connection", "http11"):
    logging.getLogger(f"httpcore2.{_part}").addFilter(_Masked())


class RetryLater(SyncaraError):
    """A failure that says when the next attempt has a chance."""

    def __init__(self, wait_s: float, code: str, message: str, where: str) -> None:
        self.retry_after = wait_s
        super().__init__(code, message, where)


async def anywhere(host: str, port: int) -> str:
    """The Connect that forbids nothing."""
    return host


async def send(request: Request, connect: Connect, guard: Guard | None = None, secrets: Secrets = NO_SECRETS) -> Reply:
    """Send a request. Raises FinalError when no attempt can help, and another SyncaraError when one may.

    With a guard, it goes only where the guard lets it, and `connect` is not asked. `secrets` are masked here where an
    answer is logged or cut; what is returned and raised is for the caller to mask.
    """
    _secrets.set(secrets)  # each call has a context of its own
    url = _parsed(request.url)
    place = f"{request.method} {_site(url)}"
    if guard is not None:
        refuse(guard.url(request.url))
    try:
        async with asyncio.timeout(request.timeout_s):
            return await _follow(request, url, _Network(connect) if guard is None else _GuardedNetwork(guard))
    except TimeoutError:
        message = f"there was no complete answer within {request.timeout_s:g} s"
        raise SyncaraError("timeout", message, place, "raise 'timeout_s' if the server needs longer") from None
    except httpcore2.ProtocolError as error:
        message = f"the server broke the connection off, or does not speak HTTP: {error}"
        raise SyncaraError("broken_answer", message, place, "check host and port") from error
    except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
        raise _unreachable(error, place) from error


def _unreachable(error: Exception, place: str) -> SyncaraError:
    reason = error.__context__  # the pool takes the cause away
    if isinstance(error, httpcore2.TimeoutException):
        message = f"no connection was made within {CONNECT_S_MAX} s"
    elif isinstance(reason, ssl.SSLCertVerificationError):
        message = f"the server's certificate cannot be trusted: {reason.verify_message}"
        return FinalError("untrusted_server", message, place, "check the host's name, or have its certificate renewed")
    else:
        message = f"the connection failed: {error}"
    return SyncaraError("connection_failed", message, place, "check host and port, and the network")


# The request, and those that redirects make of it.


async def _follow(request: Request, url: httpx2.URL, network: _Network) -> Reply:
    method, body = request.method, request.body
    headers = httpx2.Headers([(name.encode(), value.encode()) for name, value in request.headers])
    for name, value in _defaults(url).items():
        headers.setdefault(name, value)
    came_from = url
    for redirects in range(REDIRECTS_MAX + 1):
        network.judge(method, url, came_from)
        async with _exchange(method, url, headers, body, network) as response:
            answered = httpx2.Headers(response.headers)
            if response.status not in _REDIRECTS or "location" not in answered:
                return await _reply(f"{method} {_site(url)}", response, answered, redirects)
        came_from, url = url, _parsed(answered["location"], url)
        if not _same_site(came_from, url):
            kept = _KEPT_ACROSS_SITES - request.secret
            headers = httpx2.Headers([(n, v) for n, v in headers.raw if n.decode().lower() in kept])
        if _asks_for_get(response.status, method):
            method, body = "GET", None
            headers.pop("content-type", None)
    message = f"the server redirects more than {REDIRECTS_MAX} times"
    raise FinalError("too_many_redirects", message, f"{request.method} {_site(url)}", "use the final URL")


def _parsed(text: str, base: httpx2.URL | None = None) -> httpx2.URL:
    try:
        url = httpx2.URL(text) if base is None else base.join(text)
    except httpx2.InvalidURL as error:
        raise FinalError("invalid_url", str(error), _site(base) if base else "", "correct the URL") from None
    if (
        url.scheme not in ("http", "https")
        or not url.host
        or not 0 < (PORT_MAX if url.port is None else url.port) <= PORT_MAX
    ):
        message = "the server redirects to what is no http or https URL"
        raise FinalError("invalid_url", message, _site(base) if base else "", "use another URL")
    return url


def site_of(url: str) -> Site:
    """Where a request for the URL goes first. Raises FinalError."""
    return _there(_parsed(url))


def _there(url: httpx2.URL) -> Site:
    port = url.port or (http.client.HTTPS_PORT if url.scheme == "https" else http.client.HTTP_PORT)
    return Site(url.raw_host.decode(), port, url.scheme)


def _site(url: httpx2.URL) -> str:
    """As much of the URL as may be shown to everybody: paths and queries hold secrets too often."""
    return f"{url.scheme}://{url.netloc.decode()}"


def _same_site(one: httpx2.URL, other: httpx2.URL) -> bool:
    """The same scheme, host and port, or the same host's move from http to https."""
    upgraded = (one.scheme, other.scheme) == ("http", "https") and one.port is None and other.port is None
    return one.host == other.host and (one.origin == other.origin or upgraded)


def _asks_for_get(status: int, method: str) -> bool:
    """Whether the redirect means another request, rather than the same one elsewhere."""
    return (status == http.HTTPStatus.SEE_OTHER and method != "HEAD") or (status in (301, 302) and method == "POST")


def _defaults(url: httpx2.URL) -> dict[str, str]:
    defaults = {"User-Agent": f"syncara/{version('syncara')}", "Accept": "*/*", "Accept-Encoding": "gzip"}
    if url.userinfo:
        credentials = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        defaults["Authorization"] = f"Basic {credentials}"
    return defaults


@asynccontextmanager
async def _exchange(
    method: str, url: httpx2.URL, headers: httpx2.Headers, body: bytes | None, network: _Network
) -> AsyncIterator[httpcore2.Response]:
    if body is None and method in ("POST", "PUT", "PATCH"):
        body = b""  # so that the length is sent, which servers may insist on
    target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    tls = _tls() if url.scheme == "https" else None
    async with (
        httpcore2.AsyncConnectionPool(ssl_context=tls, network_backend=network) as pool,
        pool.stream(
            method,
            target,
            headers=[(b"Host", url.netloc), *headers.raw],
            content=body,
            extensions={"timeout": {"connect": CONNECT_S_MAX}},
        ) as response,
    ):
        yield response


@functools.cache
def _tls() -> ssl.SSLContext:
    """The certificates that this machine trusts; SSL_CERT_FILE and SSL_CERT_DIR name others. Loading takes a while."""
    return httpcore2.default_ssl_context()


class _Network(httpcore2.AsyncNetworkBackend):
    """Connects to the address that `connect` returns, so that there is no second look-up to come out otherwise."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._network = httpcore2.AnyIOBackend()

    def judge(self, method: str, url: httpx2.URL, came_from: httpx2.URL) -> None:
        """Raises FinalError when no such request may go there, whatever the address. `came_from`: before a redirect."""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Those to try, one after the other."""
        return [await self._connect(host, port)]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's name
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            *others, last = await self.addresses(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        for address in others:
            with contextlib.suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)


# Where the calls of an assistant may go.


class _GuardedNetwork(_Network):
    """Looks a name up once, and connects to nothing but what the guard has judged."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(anywhere)
        self._guard = guard

    def judge(self, method: str, url: httpx2.URL, came_from: httpx2.URL) -> None:
        if (came_from.scheme, url.scheme) == ("https", "http"):
            message = "the server redirects from https to http, where everybody on the way could read the call"
            raise FinalError("address_refused", message, _site(came_from), "call a URL that stays with https")
        refuse(self._guard.site(*_there(url), method))

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """The first of each family, in the order in which the look-up prefers them."""
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise httpcore2.ConnectTimeout from None
        addresses = [str(info[4][0]) for info in found]
        refuse(self._guard.addresses(host, addresses))
        firsts: dict[bool, str] = {}
        for address in addresses:
            if _stays_here(address):
                logger.warning("'%s' is at %s, which is this machine itself", host, address)
                message = f"'{host}' is this machine itself"
                raise FinalError("address_refused", message, fix="name another host")
            firsts.setdefault(":" in address, address)
        return list(firsts.values())


def _stays_here(address: str) -> bool:
    """Whether the address is one of this machine's own: firewalls do not see what is sent there, public or not."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 80))  # sends nothing; it only chooses the way, and with it the sender's address
            sender: str = probe.getsockname()[0]
    except OSError:  # there is no way there at all
        return False
    return sender == address


# The answer.


async def _reply(place: str, response: httpcore2.Response, headers: httpx2.Headers, redirects: int) -> Reply:
    if response.status >= http.HTTPStatus.BAD_REQUEST:
        raise _refusal(place, response.status, headers, await _excerpt(place, response, headers))
    body = bytearray()
    async with aclosing(_pieces(place, response, headers)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > BODY_BYTES_MAX:
                raise _too_large(place)
    return Reply(response.status, dict(headers), bytes(body), redirects)


async def _pieces(place: str, response: httpcore2.Response, headers: httpx2.Headers) -> AsyncGenerator[bytes]:
    """The body, unpacked in small pieces."""
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip"):
        message = f"the answer is packed with '{coding}', which api_call cannot unpack"
        raise FinalError("unknown_coding", message, place, "do not ask for it with an Accept-Encoding header")
    unpacker = None if coding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 16)
    received = 0
    async with aclosing(response.aiter_stream()) as chunks:
        async for chunk in chunks:
            received += len(chunk)
            if received > BODY_BYTES_MAX:
                raise _too_large(place)
            for piece in [chunk] if unpacker is None else _unpacked(place, unpacker, chunk):
                yield piece
    if unpacker is not None and received:
        yield unpacker.flush()
        if not unpacker.eof:
            raise _broken(place, "ends too early")


def _unpacked(place: str, unpacker: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    while chunk:
        try:
            yield unpacker.decompress(chunk, PIECE_BYTES)
        except zlib.error as error:
            raise _broken(place, f"cannot be read: {error}") from None
        chunk = unpacker.unconsumed_tail
    if unpacker.unused_data:
        raise _broken(place, "goes on behind its end")


def _broken(place: str, how: str) -> SyncaraError:
    return SyncaraError(
        "broken_answer", f"the answer's gzip data {how}", place, "if it stays so, tell the server's owner"
    )


def _too_large(place: str) -> FinalError:
    message = f"the answer is larger than {BODY_BYTES_MAX} bytes"
    return FinalError("answer_too_large", message, place, "ask for less at a time, such as a page")


# A failure.


def _refusal(place: str, status: int, headers: httpx2.Headers, excerpt: str) -> SyncaraError:
    """The error for a status of 400 or more."""
    code = f"http_{status}"
    message = f"the server answered {status} {http.client.responses.get(status, '')}".rstrip() + (
        f": {excerpt}" if excerpt else ""
    )
    if status not in _RETRYABLE:
        return FinalError(code, message, place, _FIXES.get(status, "see what the server says"))
    wait_s = _retry_after(headers)
    return SyncaraError(code, message, place) if wait_s is None else RetryLater(wait_s, code, message, place)


async def _excerpt(place: str, response: httpcore2.Response, headers: httpx2.Headers) -> str:
    """The beginning of the body, on one line. The status counts, whatever becomes of the body."""
    found, cut = bytearray(), True
    with contextlib.suppress(SyncaraError, httpcore2.NetworkError, httpcore2.ProtocolError, TimeoutError):
        async with asyncio.timeout(EXCERPT_S_MAX), aclosing(_pieces(place, response, headers)) as pieces:
            async for piece in pieces:
                found += piece
                if len(found) >= EXCERPT_BYTES:
                    break
            else:
                cut = False
    masked = _secrets.get().mask(found.decode(errors="replace"), cut=cut)
    text = " ".join(masked[:EXCERPT_BYTES].split())
    return text if len(text) <= EXCERPT_CHARS else text[:EXCERPT_CHARS] + "…"


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds, from a number or a date; None without either."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), SECONDS_MAX)
    until = _unix_time(text)
    if until is None:
        return None
    now = _unix_time(headers.get("date", ""))  # by the server's own clock, where it shows it
    return min(max(0.0, until - (time.time() if now is None else now)), SECONDS_MAX)


def _unix_time(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return date.replace(tzinfo=date.tzinfo or UTC).timestamp()
