"""A real HTTP server on loopback that sends what a test tells it to, byte for byte."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple


class Seen(NamedTuple):
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes = b"", status: int = 200, /, **headers: str) -> bytes:
    """A whole response; `content_type="…"` is the header Content-Type."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: int = 302) -> bytes:
    return answer(b"moved", status, location=location)


def endless(head: bytes, piece: bytes) -> Answer:
    """Sends `head`, and then `piece` again and again."""

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return send


class Server:
    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.seen: list[Seen] = []
        self.arrived = asyncio.Event()
        """Set when a request is there."""
        self.left = asyncio.Event()
        """Set when a client has gone before its answer was complete."""
        self.port = 0
        self.open: set[asyncio.Task[None]] = set()
        """The connections. asyncio itself does not keep a task alive, and one that only waits would be garbage."""

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.handle(reader, writer))
        self.open.add(task)
        task.add_done_callback(self.open.discard)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def on(self, path: str, *answers: Answer) -> str:
        """Give these answers to requests for `path`, one after the other, the last for good. Returns the URL."""
        self.answers[path] = list(answers)
        return self.url(path)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            method, target, _ = first.split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.seen.append(Seen(method, target, headers, body))
            self.arrived.set()
            answers = self.answers.get(target.partition("?")[0], [answer(b"", 404)])
            await self.send(reader, writer, answers.pop(0) if len(answers) > 1 else answers[0])
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        except asyncio.CancelledError:
            writer.transport.abort()  # whatever is still to be sent
            raise
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chosen: Answer) -> None:
        if isinstance(chosen, bytes):
            writer.write(chosen)
            await writer.drain()
        else:
            await chosen(writer)
            await reader.read()  # until the client goes
            self.left.set()


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    async with listening(server, tls) as server.port:
        yield server


@asynccontextmanager
async def listening(server: Server, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port at which this server answers. No connection outlives it."""
    listener = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=tls)
    async with listener:
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
            for task in server.open:
                task.cancel()
            await asyncio.gather(*server.open, return_exceptions=True)
