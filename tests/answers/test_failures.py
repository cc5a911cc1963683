"""Why steps fail, in Indonesian: errors of the engine, its handlers and its documents, as these make them."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from syncara import MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from syncara.answers import render
from syncara.answers.failures import failed
from syncara.answers.model import Answer, Line
from syncara.core.errors import SyncaraError
from tests.handlers.server import answer, serving
from tests.replies.support import Chats

HANG_S = 30


class Wrong(NamedTuple):
    """A step that fails, and how that is said."""

    handler: str
    params: dict[str, Any]
    said: str
    timeout: float = 30


FILES = [
    Wrong(
        "file_operation",
        {"operation": "read", "file_path": "a: b.txt"},
        "yang diperlukan tidak ada: {workspace}/a: b.txt",
    ),
    Wrong(
        "file_operation",
        {"operation": "write", "file_path": "no/x.txt", "content": ""},
        "foldernya tidak ada: {workspace}/no",
    ),
    Wrong("file_operation", {"operation": "read", "file_path": "folder"}, "itu bukan berkas biasa: {workspace}/folder"),
    Wrong(
        "file_operation",
        {"operation": "read", "file_path": "latin.txt"},
        "isi berkasnya bukan teks dengan pengodean itu: {workspace}/latin.txt",
    ),
    Wrong(
        "file_operation",
        {"operation": "read", "file_path": "{context.outside}"},
        "berkasnya berada di luar folder berkas: ../x.txt",
    ),
    Wrong(
        "file_operation",
        {"operation": "read", "file_path": "x", "encoding": "{context.encoding}"},
        "tidak ada pengodean teks seperti itu: utf-9",
    ),
]
WEB = [
    Wrong("api_call", {"url": "{closed}/x"}, "server tidak dapat dihubungi: GET {closed}"),
    Wrong("api_call", {"url": "{open}/lost"}, 'server menjawab 404 untuk GET {open}: {{"detail":"no (such) user"}}'),
    Wrong("api_call", {"url": "{open}/bare", "method": "POST"}, "server menjawab 403 untuk POST {open}"),
    Wrong("api_call", {"url": "{open}/slow", "timeout_s": 0.05}, "melebihi batas waktu: GET {open}"),
    Wrong("api_call", {"url": "{open}/", "method": "{context.method}"}, "tidak ada metode seperti itu: FETCH"),
]
DOCUMENTS = [
    Wrong(
        "database_operation",
        {"operation": "find", "collection": "c", "query": {"age": {"$big": 1}}},
        "tidak ada operator seperti itu: query.age.$big",
    ),
    Wrong(
        "database_operation",
        {"operation": "find", "collection": "c", "query": {"a": {"$in": 5}, "b": {"$big": 1}}},
        "ada nilai yang tidak cocok dengan yang diminta: query.a.$in",
    ),
    Wrong(
        "database_operation",
        {"operation": "insert", "collection": "c", "data": [{"_id": 1}, {"_id": 1}]},
        "sudah ada dokumen dengan id ini: c",
    ),
    Wrong(
        "database_operation",
        {"operation": "update", "collection": "c", "query": {}, "data": []},
        "nilainya tidak sesuai: data",
    ),
]
REST = [
    Wrong("log", {"message": "{context.user.nme}"}, "nilai yang diperlukan tidak ada: context.user.nme"),
    Wrong("log", {"message": "{context.list[7]}"}, "nilai yang diperlukan tidak ada: context.list.7"),
    Wrong("delay", {"seconds": "{context.method}"}, "nilainya tidak sesuai: FETCH"),
    Wrong("log", {"message": "x", "level": "{context.method}"}, "nilainya tidak sesuai: level"),
    Wrong("set_context", {"key": "{context.reserved}", "value": 1}, "akan menimpa data milik sistem: last_error"),
    Wrong(
        "condition_check",
        {"condition": "context.user > 'a: b'"},
        "syaratnya tidak dapat diperiksa: context.user > 'a: b'",
    ),
    Wrong("send_message", {"text": "x", "chat_id": "{context.nothing}"}, "tidak ada chat tujuan untuk pesannya"),
    Wrong("execute_shortcode", {"shortcode": "{context.method}"}, "tidak ada perintah seperti itu: FETCH"),
    Wrong("execute_shortcode", {"shortcode": "GROUP:PIN_MESSAGE"}, "tidak ada pesan yang dimaksud"),
    Wrong("hang", {}, "melebihi batas waktu", timeout=0.05),
    Wrong("shape", {}, "hasilnya tidak dapat disimpan"),
    Wrong("burn", {}, "pesannya “RuntimeError: the oven is <hot>”"),
    Wrong("own", {}, "pesannya “my_own: Oven: it is hot (wait)”"),
]


async def hang(step: StepInput, execution: ExecutionInput) -> None:
    await asyncio.Event().wait()


async def shape(step: StepInput, execution: ExecutionInput) -> object:
    return object()


async def burn(step: StepInput, execution: ExecutionInput) -> None:
    raise RuntimeError("the oven is <hot>")


async def own(step: StepInput, execution: ExecutionInput) -> None:
    raise SyncaraError("my_own", "it is hot", "Oven", "wait")


def filled(value: Any, urls: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: filled(item, urls) for key, item in value.items()}
    for name, url in urls.items():
        value = value.replace(f"{{{name}}}", url) if isinstance(value, str) else value
    return value


def unused_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def written(part: Any, language: Any) -> str:
    return render(Answer((Line((part,)),)), language)


async def test_every_failure_of_a_step_is_told_in_indonesian(tmp_path: Path) -> None:
    """In words for its code, with what only it can tell; what a handler or a server said is quoted."""
    workspace = tmp_path / "files"
    (workspace / "folder").mkdir(parents=True)
    (workspace / "latin.txt").write_bytes(b"\xe9")
    cases = [*FILES, *WEB, *DOCUMENTS, *REST]
    context: dict[str, Any] = {
        "user": {"name": "Ana"},
        "list": [],
        "method": "FETCH",
        "reserved": "last_error",
        "nothing": None,
    }
    context |= {"outside": "../x.txt", "encoding": "utf-9"}
    async with (
        serving() as server,
        MultiStepProcessor(tmp_path / "a.db", messenger=Chats(), workspace=workspace) as bot,
    ):
        server.on("/lost", answer(b'{"detail":"no (such) user"}', 404))
        server.on("/bare", answer(b"", 403))
        server.on("/slow", stall)
        places = {"open": server.url("").rstrip("/"), "closed": f"http://127.0.0.1:{unused_port()}"}
        for handler in (hang, shape, burn, own):
            bot.register_handler(handler.__name__, handler)
        steps = [
            {
                "name": str(number),
                "handler": case.handler,
                "params": filled(case.params, places),
                "timeout": case.timeout,
                "retry_count": 0,
                "on_error": "continue",
            }
            for number, case in enumerate(cases)
        ]
        execution_id = await bot.execute_workflow(bot.define({"name": "All of it", "steps": steps}), context)
        run = await bot.wait(execution_id, HANG_S)

    said = [written(failed(step.code, step.error), "id") for step in run.steps.values()]
    assert [case.said.format(**places, workspace=workspace) for case in cases] == said


async def stall(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


# English.


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        (
            "missing_placeholder",
            "context has no 'a'. It is empty",
            "a value that it needs is missing: context has no 'a'. It is empty",
        ),
        (
            "bad_operand",
            "bad_operand: query.a: takes a list",
            "a value does not fit what is asked for: query.a: takes a list",
        ),
        (
            "not_found",
            "not_found: /a.txt: there is no such file (check 'file_path')",
            "what it needs is not there: /a.txt",
        ),
        ("not_found", "not_found: there is no customer 5", "what it needs is not there: there is no customer 5"),
        ("error", "no route", "no route"),
        ("error", "", "error"),
    ],
)
def test_english_keeps_the_words_of_the_error(code: str, error: str, said: str) -> None:
    """Behind its own sentence, unless that says all there is."""
    assert said == written(failed(code, error), "en")


def test_an_error_that_is_worded_in_another_way_leaves_the_sentence_alone() -> None:
    """As one in an older journal may be: rather nothing than English among Indonesian words."""
    texts = ["not_found: gone", "not_found: nothing was found of it (really)", "denied: by the rules"]

    assert ["yang diperlukan tidak ada", "yang diperlukan tidak ada", "tidak diizinkan di sini"] == [
        written(failed(text.partition(":")[0], text), "id") for text in texts
    ]
