"""Which MongoDB server documents are on: URLs, servers that are away, several event loops, and no driver at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from syncara import MultiStepProcessor
from syncara.core.errors import StorageError, ValidationError
from syncara.documents import open_documents
from tests.documents.mongodb_server import at, free_port, mongodb_server


async def test_a_server_that_is_away_is_named_and_found_once_it_is_there(tmp_path: Path) -> None:
    """The same documents connect again."""
    port = free_port()
    async with at(f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=700", "x") as documents:
        with pytest.raises(StorageError, match=f"unreachable: MongoDB at 127.0.0.1:{port}: no server answers"):
            await documents.find("c", {})
        with mongodb_server(tmp_path, port):
            assert {"inserted_ids": [1]} == await documents.insert("c", [{"_id": 1}])


async def test_a_server_whose_name_leads_nowhere_is_unreachable() -> None:
    """A name may be known to the network later."""
    async with at("mongodb+srv://nowhere.example.invalid/?connectTimeoutMS=500", "x") as documents:
        with pytest.raises(StorageError, match=r"unreachable: MongoDB at nowhere.example.invalid: no server is found"):
            await documents.find("c", {})


def test_documents_serve_one_loop_after_another(mongodb_url: str, database: str) -> None:
    """Programs that call asyncio.run several times need no care, whether they close or not."""
    program = f"""
import asyncio
from syncara.documents import open_documents
documents = open_documents("{mongodb_url}/{database}")
print(asyncio.run(documents.insert("c", [{{"_id": 1}}])))
print(asyncio.run(documents.find("c", {{}})))
asyncio.run(documents.close())
print(asyncio.run(documents.find("c", {{}})))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ["{'inserted_ids': [1]}", "[{'_id': 1}]", "[{'_id': 1}]"] == done.stdout.splitlines(), done.stderr


async def test_the_url_names_the_database_but_cannot_make_writes_unsafe(mongodb_url: str, database: str) -> None:
    """A write is answered, and by a majority, whatever `w` says; a database beside the URL goes first."""
    documents = open_documents(f"{mongodb_url}/{database}?w=0&readPreference=secondary")
    assert {"matched": 0, "modified": 0} == await documents.update("c", {}, {"a": 1})
    await documents.insert("c", [{"_id": 1}])
    await documents.close()

    async with at(f"{mongodb_url}/elsewhere", database) as same:
        assert [{"_id": 1}] == await same.find("c", {})


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("sqlite:///x.db", "this is no URL of MongoDB"),
        ("mongodb://", "at least one host"),
        ("mongodb://localhost:99999", "Port must be"),
        ("mongodb://localhost/?tls=perhaps", "tls"),
        ("mongodb://localhost/?unknown=1", "Unknown option"),
        ("mongodb://localhost/a b", "Bad database name"),
        ("mongodb+srv://localhost:1/x", "port number"),
    ],
)
def test_a_wrong_url_is_refused_at_once(url: str, text: str) -> None:
    """No option is ignored, and nothing is connected to find out."""
    with pytest.raises(ValidationError, match="bad_url") as refused:
        open_documents(url)

    assert text in str(refused.value)


def test_without_pymongo_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "pymongo", None)
    monkeypatch.delitem(sys.modules, "syncara.documents.mongodb")

    with pytest.raises(ValidationError, match=r"missing_extra.*pip install 'syncara\[mongo\]'"):
        open_documents("mongodb://localhost")


async def test_a_step_is_tried_again_while_the_server_is_away(tmp_path: Path) -> None:
    """A StorageError is no verdict on the step, and gives no password away."""
    params = {"operation": "find", "collection": "users", "query": {}}
    step = {"name": "Find", "handler": "database_operation", "params": params, "retry_count": 1, "retry_delay": 0}
    password, port = "secret", free_port()
    url = f"mongodb://ani:{password}@127.0.0.1:{port}/?serverSelectionTimeoutMS=50"
    async with at(url, "x") as documents, MultiStepProcessor(tmp_path / "x.db", documents=documents) as processor:
        execution_id = await processor.execute_workflow(processor.define({"name": "Away", "steps": [step]}))
        ended = await processor.wait(execution_id)

    assert ("failed", "unreachable", 2) == (ended.status, ended.code, ended.steps["Find"].attempts)
    assert f"MongoDB at 127.0.0.1:{port}: no server" in str(ended.error)
    assert password not in str(ended.error)
