"""A server that speaks MongoDB's protocol, documents on it, and a go-between that loses messages."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import bson
from pymongo import MongoClient

from syncara.documents.mongodb import MongoDocuments

OP_MSG = 2013
"""The kind of message that every command and every answer is sent as."""
SERVICE = {"hello", "ismaster", "isMaster", "endSessions"}
"""Commands by which the driver minds its connections."""


@contextmanager
def mongodb_server(folder: Path, port: int = 0) -> Iterator[str]:
    """The URL of nx-27017, which keeps everything in `folder`, each database in a SQLite file of its own."""
    port = port or free_port()
    command: list[str | Path] = [Path(sys.executable).with_name("nx-27017"), "--host", "127.0.0.1", "-p", str(port)]
    command += ["--data-dir", folder / "data", "--log-file", folder / "log", "--pid-file", folder / "pid"]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        url = f"mongodb://127.0.0.1:{port}"
        with MongoClient[dict[str, Any]](url) as client:  # looks for the server until it is there
            client.admin.command("ping")
        assert process.poll() is None, (folder / "output").read_text()
        yield url
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port of the loopback interface on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@asynccontextmanager
async def at(url: str, database: str) -> AsyncIterator[MongoDocuments]:
    documents = MongoDocuments(url, database)
    yield documents
    await documents.close()


class GoBetween:
    """Stands before the server at `url` and passes on what is said, with one exception that a test asks for."""

    def __init__(self, url: str) -> None:
        self._upstream = int(url.rpartition(":")[2])
        self.commands: list[dict[str, Any]] = []
        """The commands that came, without those of `SERVICE`; each begins with its name."""
        self.lose: int | None = None
        """The command, counted from 0, at which the connection breaks."""
        self.deliver = False
        """Whether that command still reaches the server, so that only its answer is lost."""
        self.answers: dict[str, dict[str, Any]] = {}
        """Answers to commands by name, instead of the server's."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            broken = False
            while not broken:
                message = await _message(reader)
                broken, answer = self._notice(message)
                if not answer and (self.deliver or not broken):
                    to_server.write(message)
                    answer = await _message(from_server)
                if not broken:
                    writer.write(answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the driver, or the server, has hung up
        finally:
            to_server.close()
            writer.close()

    def _notice(self, message: bytes) -> tuple[bool, bytes]:
        """Whether the connection breaks here, and an answer that stands in for the server's."""
        command = _command(message)
        name = next(iter(command))
        if name in SERVICE:
            return False, b""
        self.commands.append(command)
        answer = self.answers.get(name)
        return len(self.commands) - 1 == self.lose, _reply(message, answer) if answer else b""


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(16)
    return head + await reader.readexactly(int.from_bytes(head[:4], "little") - 16)


def _command(message: bytes) -> dict[str, Any]:
    """An OP_MSG as one document, into which the lists that come as sections of their own are put back."""
    if int.from_bytes(message[12:16], "little") != OP_MSG:
        return {"hello": 1}  # all that the older kind is still used for
    command: dict[str, Any] = {}
    at = 20
    while at < len(message):
        end = at + 1 + int.from_bytes(message[at + 1 : at + 5], "little")
        if message[at] == 0:
            command.update(bson.decode(message[at + 1 : end]))
        else:
            name, _, documents = message[at + 5 : end].partition(b"\0")
            command[name.decode()] = bson.decode_all(documents)
        at = end
    return command


def _reply(message: bytes, answer: dict[str, Any]) -> bytes:
    body = struct.pack("<ib", 0, 0) + bson.encode(answer)
    return struct.pack("<iiii", 16 + len(body), 0, int.from_bytes(message[4:8], "little"), OP_MSG) + body


@asynccontextmanager
async def go_between(url: str) -> AsyncIterator[tuple[GoBetween, str]]:
    """A go-between and its own URL."""
    between = GoBetween(url)
    async with await asyncio.start_server(between.serve, "127.0.0.1") as server:
        yield between, f"mongodb://127.0.0.1:{server.sockets[0].getsockname()[1]}/?retryReads=false"
