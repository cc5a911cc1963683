"""A secret is seen nowhere: masked however it is written, in what servers tell, and in all that is kept or said."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import string
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara import NonRetryableError, SyncaraError
from syncara.abc import Handler
from syncara.core.limits import MIB
from syncara.handlers import web
from syncara.policy.secrets import CHARS_MIN, MASK, Secrets
from tests.cli.support import clean, syncara
from tests.handlers.server import Server, answer, redirect
from tests.policy.secret_values import (
    PASSWORD,
    TOKEN,
    VALUES,
    WINDOW,
    call,
    error_of,
    secrets_file,
    traces,
    written,
)

BOT = Path(__file__).with_name("secret_bot.py")


@pytest.fixture
def handler() -> Handler:
    return web.handlers(secrets=Secrets(VALUES))[0]


# Masking.


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("way", written(TOKEN))
def test_a_secret_is_found_however_it_is_written(name: str, way: str) -> None:
    """As it is, escaped and in base64: in a text, in JSON, and in the names of JSON."""
    secrets = Secrets(VALUES)
    text = written(VALUES[name])[way]

    assert traces(text)
    assert [] == traces(secrets.mask(f"before {text} after"))
    assert [] == traces(json.dumps(secrets.mask_json({"a": [{text: 1}, text, f"[{text}]"]})))
    assert re.fullmatch(r"before .*\*\*\*.* after", secrets.mask(f"before {text} after"))


VISIBLE = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=CHARS_MIN, max_size=40).filter(
    lambda value: len(set(value)) >= CHARS_MIN  # one that repeats itself can be found at more places than one
)


@given(VISIBLE, st.binary(max_size=20), st.binary(max_size=20), st.sampled_from([b"+/", b"-_"]))
def test_base64_keeps_nothing_of_a_secret_and_all_of_the_rest(
    value: str, before: bytes, after: bytes, special: bytes
) -> None:
    """Characters of base64 hold bits of two neighbours: what holds bits of a secret goes, and no more than that."""
    encoded = base64.b64encode(before + value.encode() + after, special).decode()

    first, mask, last = Secrets({"A": value}).mask(encoded).partition(MASK)

    assert MASK == mask
    assert 8 * len(before) // 6 == len(first)
    assert (8 * (len(before) + len(value)) + 5) // 6 + len(last.rstrip("=")) == len(encoded.rstrip("="))


@given(VISIBLE, st.text("äß\n"), st.sampled_from(["raw", "query", "form", "html", "numbered html", "lower case"]))
def test_what_stands_around_a_secret_stays(value: str, around: str, way: str) -> None:
    """The mask takes the place of the secret alone, each time."""
    text = written(value)[way]

    assert f"{around}{MASK}{around}{MASK}" == Secrets({"A": value}).mask(f"{around}{text}{around}{text}")


@pytest.mark.parametrize("value", ["plain text", {"a": [1, 2.5, None, True, "x"], "b": {"c": "tok_ canary"}}, 12, None])
def test_ordinary_values_stay_as_they_are(value: Any) -> None:
    """The very same object comes back."""
    assert value is Secrets(VALUES).mask_json(value)
    assert "tok_ canary" == Secrets(VALUES).mask("tok_ canary")


def test_a_number_can_be_a_secret() -> None:
    """Where a server reads digits as a number, the number goes."""
    secrets = Secrets({"PIN": "8412967305"})

    assert {"pin": MASK, "n": 841296730} == secrets.mask_json({"pin": 8412967305, "n": 841296730})


def test_of_two_secrets_the_longer_goes_first() -> None:
    """One that begins another must not leave the other's end behind."""
    secrets = Secrets({"A": "abcdefgh", "B": "abcdefgh-ijkl"})

    assert f"{MASK} {MASK}" == secrets.mask("abcdefgh abcdefgh-ijkl")


def test_a_cut_text_loses_what_may_begin_a_secret() -> None:
    """Wherever the cut is; nothing is lost without secrets."""
    secrets = Secrets(VALUES)
    for text in written(PASSWORD).values():
        for end in range(len(text)):
            masked = secrets.mask("x" * 300 + text[:end], cut=True)
            assert masked == "x" * len(masked)
            assert masked

    assert "text" == Secrets({}).mask("text", cut=True)


@pytest.mark.parametrize(
    "piece", ["x", "\\", "%2", "&#0000", "tok_7Yh2Kq9ZmW4x-canar", "dG9rXzdZaDJLcTlabVc0e", "\\\\\\k4n"]
)
def test_a_hostile_answer_is_masked_quickly(piece: str) -> None:
    """No pattern goes back over what it has read: a second, not hours, for the largest answer."""
    text = piece * (10 * MIB // len(piece))

    assert text == Secrets(VALUES).mask(text)


# What comes back.


def told(value: str) -> bytes:
    return json.dumps(written(value)).encode()


@pytest.mark.parametrize("value", VALUES.values())
@pytest.mark.parametrize(
    ("content_type", "encode"),
    [
        ("application/json", bytes),
        ("text/plain", bytes),
        ("text/html; charset=utf-16", lambda body: body.decode().encode("utf-16")),
        ("application/octet-stream", lambda body: b"\xff" + body),
        ("application/json", lambda body: b"{" + body),
    ],
)
async def test_what_a_server_echoes_is_masked(
    server: Server, handler: Handler, value: str, content_type: str, encode: Callable[[bytes], bytes]
) -> None:
    """In the body, whatever it is, and in headers; the rest of it stays."""
    echoed = {f"X_{n}": text for n, text in enumerate(written(value).values()) if text.isprintable()}
    url = server.on("/", answer(encode(told(value)), Content_Type=content_type, X_Rest="rest", **echoed))

    data = await call(handler, url)

    assert (200, "rest") == (data["status"], data["headers"]["x-rest"])
    assert [] == traces(json.dumps(data))
    body = data["body"]
    assert [] == traces(base64.b64decode(body) if "encoding" in data else json.dumps(body))
    assert len(written(value)) == (len(body) if isinstance(body, dict) else len(written(value)))


async def test_a_secret_that_was_not_sent_is_masked_too(server: Server, handler: Handler) -> None:
    """A server may have it from an earlier call."""
    data = await call(handler, server.on("/", answer(f"{TOKEN} {PASSWORD}".encode())), {})

    assert f"{MASK} {MASK}" == data["body"]


@pytest.mark.parametrize(
    "sent",
    [
        answer(told(TOKEN), 403),
        answer(told(TOKEN), 503),
        answer(TOKEN.encode(), 429, Retry_After="7"),
        answer(b"x" * 1_990 + TOKEN.encode() * 3, 403),
        answer(b" " * 1_990 + TOKEN.encode() * 3, 403),
        answer(b" " * 1_700 + b"x" * 240 + TOKEN.encode() * 3, 403),
        f"HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\n{TOKEN[:-1]}".encode(),
        f"HTTP/1.1 403 No\r\nContent-Encoding: gzip\r\nContent-Length: 23\r\n\r\n{TOKEN}".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {TOKEN}\r\nContent-Length: 2\r\n\r\nhi".encode(),
        f"{TOKEN}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\n{TOKEN}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Length: {TOKEN}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {TOKEN}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{TOKEN}\r\n".encode(),
        redirect(f"ftp://{TOKEN}/"),
        redirect(f"http://[{TOKEN}/"),
        redirect(f"http://{TOKEN}.invalid./"),
        redirect(f"//127.0.0.1:1/{TOKEN}"),
        b"",
    ],
)
async def test_no_error_shows_a_secret(
    server: Server, handler: Handler, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    """Neither its text, nor what led to it, nor the variables of its frames, nor what the HTTP library logs."""
    caplog.set_level(logging.DEBUG)

    error = await error_of(handler, server.on("/", sent))

    assert f"Bearer {TOKEN}" == server.seen[0].headers["authorization"]
    assert isinstance(error, SyncaraError)
    assert [] == traces(str(error) + str(error.problem) + repr(error.args))
    assert (None, None) == (error.__cause__, error.__context__)
    frames = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in frames.stack if "/tests/" not in frame.filename]
    assert ours
    assert [] == traces(str([frame.locals for frame in ours]))
    assert "receive_response_headers" in caplog.text
    assert [] == traces(caplog.text)


async def test_a_whole_error_is_quoted_as_a_whole(server: Server, handler: Handler) -> None:
    """Only what is cut off loses its end."""
    error = await error_of(handler, server.on("/", answer(f"not {TOKEN}, try another".encode(), 403)))

    assert "403 Forbidden: not ***, try another (" in str(error)


@pytest.mark.parametrize("kind", [RuntimeError, NonRetryableError, ConnectionError, KeyError])
async def test_an_exception_of_the_programs_own_is_masked(kind: type[Exception]) -> None:
    """With its chain; whether another attempt may help stays as it was."""

    async def connect(host: str, port: int) -> NoReturn:
        raise kind(f"no way with {TOKEN}") from ValueError(PASSWORD)

    handler = web.handlers(connect, secrets=Secrets(VALUES))[0]
    error = await error_of(handler, "http://api.example.com/")

    assert "no way with ***" in str(error)
    assert isinstance(error, NonRetryableError) == issubclass(kind, NonRetryableError)
    assert [] == traces("".join(traceback.format_exception(error)))


async def test_an_exception_without_a_secret_stays_what_it_is() -> None:
    """Its kind and its frames help whoever looks for the mistake."""

    async def connect(host: str, port: int) -> NoReturn:
        raise LookupError(host)

    error = await error_of(web.handlers(connect, secrets=Secrets(VALUES))[0], "http://api.example.com/")

    assert isinstance(error, LookupError)
    assert "in connect" in "".join(traceback.format_exception(error))


async def test_a_call_can_be_cancelled(server: Server, handler: Handler) -> None:
    """What cancels it comes out as it was."""

    async def silent(writer: asyncio.StreamWriter) -> None: ...

    task = asyncio.create_task(call(handler, server.on("/", silent)))
    await server.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.left.wait()


# The canary.


def everything(server: Server) -> asyncio.Event:
    """Let the server tell what it hears, everywhere and in every way; the event says that `/hold` is under way."""
    holds = asyncio.Event()

    async def hold(writer: asyncio.StreamWriter) -> None:
        holds.set()

    body = json.dumps([written(value) for value in VALUES.values()]).encode()
    in_header = {"Content_Type": "application/json", "X_Echo": f"Bearer {TOKEN}", "X_Other": quote(PASSWORD)}
    echo = answer(body, **in_header)
    server.on("/echo", echo)
    server.on("/retried", answer(body, 503, **in_header), f"{TOKEN} {PASSWORD}\r\n\r\n".encode(), b"", echo)
    server.on("/binary", answer(b"\xff" + body))
    server.on("/text", answer(body, Content_Type="text/plain"))
    server.on("/refused", answer(body, 401, **in_header))
    server.on("/garbled", f"HTTP/1.1 200 OK\r\nX: {TOKEN}\r\n{PASSWORD}\r\n\r\n".encode())
    server.on("/moved", redirect(server.url(f"/gone?token={quote(TOKEN)}", "localhost")))
    server.on("/gone", answer(body, 410, **in_header))
    server.on("/hold", hold, echo)
    return holds


async def bot(folder: Path, url: str, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, BOT, "syncara.db", url,
        cwd=folder, env=clean(env), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def killed(process: asyncio.subprocess.Process, when: asyncio.Event) -> tuple[bytes, bytes]:
    """The output of a bot that is killed when the event has come."""
    output = asyncio.create_task(process.communicate())
    await asyncio.wait([output, come := asyncio.create_task(when.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert come.done(), await output
    process.kill()
    return await output


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_secret_is_nowhere(server: Server, tmp_path: Path) -> None:
    """A run with echoes, failures, retries, a kill and a restart leaves no trace of it in any byte kept or said.

    That is the database with its write-ahead log, files, documents, messages, logs of everybody at DEBUG, history, log,
    views, answers and the command line.
    """
    holds, folder = everything(server), tmp_path / "bot"
    folder.mkdir()
    (tmp_path / "private").mkdir()
    password = json.dumps(PASSWORD)
    env = {
        "SYNCARA_SECRET_TOKEN": TOKEN,
        "SYNCARA_SECRETS": str(secrets_file(tmp_path / "private", f"PASSWORD = {password}\n")),
    }
    first = await killed(await bot(folder, server.url(""), env), holds)
    after_kill = files(folder)
    again = await bot(folder, server.url(""), env)
    second = await again.communicate()
    assert 0 == again.returncode, second[1].decode()
    after_all = files(folder)
    execution_id = re.search(r"ex_\w{16}", second[0].decode())
    assert execution_id is not None
    commands = [["status", execution_id[0]], ["history", execution_id[0], "--json"], ["list"], ["doctor", "--json"]]
    said = [await asyncio.to_thread(syncara, *command, cwd=folder, env=env) for command in commands]

    for seen in server.seen:
        if seen.target != f"/gone?token={quote(TOKEN)}":
            assert (f"Bearer {TOKEN}", f"ana:{PASSWORD}") == (seen.headers["authorization"], seen.headers["x-password"])
    assert {"/echo": 1, "/retried": 4, "/hold": 2, "/garbled": 2}.items() <= counted(server).items()
    assert {"syncara.db", "syncara.db-wal", "workspace/answer.txt"} <= after_kill.keys()
    for where, data in {**{f"killed {n}": d for n, d in after_kill.items()}, **after_all}.items():
        assert [] == traces(data), where
    assert [[], [], [], []] == [traces(output) for output in (*first, *second)]
    assert [(0, [])] * len(said) == [(done.returncode, traces(done.stdout + done.stderr)) for done in said]
    # Where the secrets would be, the mask is: all of this was looked at.
    for data in (after_kill["syncara.db-wal"], after_all["workspace/answer.txt"], *first, *second):
        assert MASK.encode() in data
    assert b"httpcore2.http11" in second[1]
    assert MASK in said[1].stdout


def counted(server: Server) -> dict[str, int]:
    targets = [seen.target for seen in server.seen]
    return {target: targets.count(target) for target in targets}


def test_the_search_finds_what_it_looks_for() -> None:
    """Any of the ways in which a secret can be written is a trace, and so is a part of it."""
    for value in VALUES.values():
        for way, text in written(value).items():
            assert traces(f"x{text}y"), way
        for start in range(len(value) - WINDOW):
            assert traces(value[start : start + WINDOW])
    assert [] == traces("Bearer *** k4n/+ tok_7Yh QmVhcmVy")
