"""file_operation on real files: whole or not at all, in every encoding, and checked before anything runs."""

from __future__ import annotations

import base64
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara import MultiStepProcessor, ValidationError
from syncara.abc import ExecutionInput, Handler, StepInput
from syncara.core.limits import RESULT_BYTES_MAX
from syncara.handlers import disk, files
from tests.handlers.file_calls import child, disk_steps, do, error, names
from tests.handlers.support import HANG_S, Attempt, called, failed, refused, run


@pytest.fixture
def handler(workspace: Path) -> Handler:
    return files.handlers(workspace)[0]


# Reading and writing.


def test_what_is_written_is_read_back(handler: Handler, workspace: Path) -> None:
    """The workspace folder is made when it is needed; write says where and how much, read returns the text."""
    text = "a line\r\nGrüße\n"

    written = do(handler, "write", "notes.txt", text)

    assert {"path": str(workspace / "notes.txt"), "bytes": len(text.encode())} == written
    assert text.encode() == (workspace / "notes.txt").read_bytes()
    assert text == do(handler, "read", "notes.txt")


@pytest.mark.parametrize(("content", "expected"), [({"a": [1]}, '{"a":[1]}'), (7, "7"), ("", "")])
def test_content_that_is_no_text_is_written_as_json(handler: Handler, content: Any, expected: str) -> None:
    """A placeholder may bring any value."""
    do(handler, "write", "value.json", content)

    assert expected == do(handler, "read", "value.json")


def test_bytes_travel_as_base64(handler: Handler, workspace: Path) -> None:
    """With encoding base64, content is the bytes in base64, line breaks allowed, and read returns the same."""
    data = bytes(range(256))
    do(handler, "write", "picture", base64.encodebytes(data).decode(), encoding="base64")

    assert data == (workspace / "picture").read_bytes()
    assert base64.b64encode(data).decode() == do(handler, "read", "picture", encoding="base64")


def test_a_write_replaces_the_whole_file_and_keeps_its_permissions(handler: Handler, workspace: Path) -> None:
    """Nothing is left of the old content, and no other file appears."""
    do(handler, "write", "notes.txt", "a long first version")
    (workspace / "notes.txt").chmod(0o640)

    do(handler, "write", "notes.txt", "short")

    assert "short" == do(handler, "read", "notes.txt")
    assert 0o640 == stat.S_IMODE((workspace / "notes.txt").stat().st_mode)
    assert ["notes.txt"] == names(workspace)


def test_a_write_through_a_link_changes_what_it_points_to(handler: Handler, workspace: Path) -> None:
    """The link stays a link."""
    do(handler, "write", "real.txt", "old")
    (workspace / "link.txt").symlink_to("real.txt")

    do(handler, "write", "link.txt", "new")

    assert "new" == do(handler, "read", "real.txt")
    assert (workspace / "link.txt").is_symlink()


def test_a_late_attempt_does_not_disturb_its_successor(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt that ran out of time goes on in its thread, beside the next one; both write the whole content."""
    fsync = os.fsync
    params = {"operation": "write", "file_path": "notes.txt", "content": "whole"}

    def overtaken(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        called(handler, params, Attempt(attempt=2))
        fsync(descriptor)

    do(handler, "write", "notes.txt", "old")
    monkeypatch.setattr(os, "fsync", overtaken)
    called(handler, params, Attempt(attempt=1))

    assert "whole" == do(handler, "read", "notes.txt")


def test_content_is_on_the_disk_before_it_takes_its_name(
    handler: Handler, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so does power loss leave the old content or the new: synced, renamed, and the folder synced at last."""
    do(handler, "write", "notes.txt", "old")
    steps = disk_steps(monkeypatch)

    do(handler, "write", "notes.txt", "new")
    assert ["sync file", "rename to notes.txt", "sync folder"] == steps

    steps.clear()
    do(handler, "append", "notes.txt", "more")
    record = disk._record_of(workspace / "notes.txt").name  # noqa: SLF001
    assert ["sync file", f"rename to {record}", "sync folder", "sync file"] == steps


@pytest.mark.parametrize("operation", ["write", "append"])
def test_without_room_the_file_stays_as_it_was(tmp_path: Path, operation: str) -> None:
    """disk_full, to be tried again: the old content is complete and there is no rest of the new."""
    path = tmp_path / "log.txt"
    path.write_bytes(b"-" * 2_000_000)

    done = child("full", operation, path, 2_500_000 if operation == "append" else 500_000)

    expected = ["log.txt"] if operation == "write" else [disk._record_of(path).name, "log.txt"]  # noqa: SLF001
    assert f'["disk_full", {str(expected).replace(chr(39), chr(34))}]' == done.stdout.strip(), done.stderr
    assert b"-" * 2_000_000 == path.read_bytes()


def test_a_file_over_the_limit_is_not_read(handler: Handler, workspace: Path) -> None:
    """The limit is what a step's result can hold: 10 MiB of text, three quarters of that in base64."""
    workspace.mkdir()
    with (workspace / "large").open("wb") as file:
        file.truncate(RESULT_BYTES_MAX)

    assert RESULT_BYTES_MAX == len(do(handler, "read", "large"))
    assert "file_too_large" in error(handler, "read", "large", encoding="base64")
    with (workspace / "large").open("ab") as file:
        file.write(b"x")
    assert f"more than {RESULT_BYTES_MAX} bytes" in error(handler, "read", "large")


# Encodings.


@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252"]),
    st.lists(st.text("aé€ \n"), max_size=4),
)
@settings(max_examples=25)
def test_appended_text_reads_as_one_text(encoding: str, parts: list[str]) -> None:
    """In every encoding the parts join; a byte order mark is written once, at the start."""
    parts = [part.encode(encoding, errors="ignore").decode(encoding) for part in parts]
    with tempfile.TemporaryDirectory() as folder:
        handler = files.handlers(Path(folder))[0]
        do(handler, "write", "text", "", encoding=encoding)
        (Path(folder) / "text").write_bytes(b"")
        for n, part in enumerate(parts):
            do(handler, "append", "text", part, key=str(n), encoding=encoding)

        assert "".join(parts) == do(handler, "read", "text", encoding=encoding)


def test_text_in_another_encoding_is_an_error_that_says_so(handler: Handler, workspace: Path) -> None:
    """Neither reading nor writing replaces characters silently; a failed append leaves no file."""
    workspace.mkdir()
    (workspace / "old.txt").write_bytes("Grüße".encode("latin-1"))

    assert "the file is not utf-8 text" in error(handler, "read", "old.txt")
    assert "Grüße" == do(handler, "read", "old.txt", encoding="latin-1")
    assert "cannot_encode" in error(handler, "write", "new.txt", "€", encoding="latin-1")
    assert "cannot_encode" in error(handler, "append", "new.txt", "€", encoding="latin-1")
    assert ["old.txt"] == names(workspace)


# Deleting.


def test_delete_removes_the_file_and_its_record(handler: Handler, workspace: Path) -> None:
    """Nothing is left in the folder; a later file of the same name starts anew."""
    do(handler, "append", "log.txt", "one\n")

    assert {"path": str(workspace / "log.txt"), "deleted": True} == do(handler, "delete", "log.txt")
    assert [] == names(workspace)
    do(handler, "append", "log.txt", "one\n")
    assert "one\n" == do(handler, "read", "log.txt")


@pytest.mark.parametrize("path", ["nothing.txt", "no folder/nothing.txt"])
def test_a_missing_file_is_an_outcome_not_an_error(handler: Handler, workspace: Path, path: str) -> None:
    """`deleted` is false, and `reason` says why."""
    expected = {"path": str(workspace / path), "deleted": False, "reason": "there is no such file"}

    assert expected == do(handler, "delete", path)


def test_a_link_is_deleted_not_what_it_points_to(handler: Handler, workspace: Path) -> None:
    """Also when it points out of the workspace."""
    outside = workspace.parent / "outside.txt"
    outside.write_text("kept")
    workspace.mkdir()
    (workspace / "link").symlink_to(outside)

    assert do(handler, "delete", "link")["deleted"] is True
    assert "kept" == outside.read_text()
    assert [] == names(workspace)


# Checks before anything runs.


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, ["param 'file_path' is missing", "param 'operation' is missing"]),
        ({"operation": "raed", "file_path": "a"}, ["'operation'"]),
        ({"operation": "read", "file_path": 7}, ["'file_path'"]),
        ({"operation": "read", "file_path": ""}, ["'file_path' is empty"]),
        ({"operation": "read", "file_path": "a\0b"}, ["holds a NUL"]),
        ({"operation": "read", "file_path": "folder/"}, ["ends like a folder"]),
        ({"operation": "read", "file_path": "../a"}, ["leads out of the workspace"]),
        ({"operation": "read", "file_path": "a", "content": "x"}, ["'read' does not take 'content'"]),
        ({"operation": "delete", "file_path": "a", "encoding": "utf-8"}, ["'delete' does not take 'encoding'"]),
        ({"operation": "write", "file_path": "a"}, ["'write' needs 'content'"]),
        ({"operation": "append", "file_path": "a"}, ["'append' needs 'content'"]),
        ({"operation": "read", "file_path": "a", "encoding": "utf8x"}, ["no text encoding 'utf8x'"]),
        *(
            ({"operation": "read", "file_path": "a", "encoding": name}, [f"no text encoding '{name}'"])
            for name in ("hex", "punycode", "IDNA", "unicode_escape", "Raw-Unicode_Escape", "undefined")
        ),
        ({"operation": "write", "file_path": "a", "content": "?", "encoding": "base64"}, ["'content' is not base64"]),
        ({"operation": "read", "path": "a"}, ["param 'file_path' is missing", "there is no param 'path'"]),
        ({"operation": "read", "file_path": "a", "create_folders": True}, ["does not take 'create_folders'"]),
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
        {"operation": "read", "file_path": "large_file.txt"},
        {"operation": "write", "file_path": "/path/to/output.txt", "content": "File content"},
        {"operation": "write", "file_path": "{context.path}", "content": "{context.bytes}", "encoding": "base64"},
        {"operation": "append", "file_path": "../{context.path}", "content": {"a": 1}, "encoding": "{context.e}"},
        {"operation": "delete", "file_path": "."},
    ],
)
def test_right_params_and_placeholders_pass_the_check(handler: Handler, params: dict[str, Any]) -> None:
    """What a placeholder will bring is judged when it has."""
    assert [] == refused(handler, params)


# In the engine.


async def test_a_workflow_writes_appends_reads_and_deletes(processor: MultiStepProcessor, workspace: Path) -> None:
    """What one step wrote, the next one reads; the text that was read is the step's data."""
    params: list[dict[str, Any]] = [
        {"operation": "write", "file_path": "{context.name}.txt", "content": "one\n"},
        {"operation": "append", "file_path": "{steps.write.data.path}", "content": "two\n"},
        {"operation": "read", "file_path": "{context.name}.txt"},
        {"operation": "delete", "file_path": "{context.name}.txt"},
    ]
    order = [str(step["operation"]) for step in params]
    steps = [
        {"name": name, "handler": "file_operation", "params": step, "dependencies": order[n - 1 : n] if n else []}
        for n, (name, step) in enumerate(zip(order, params, strict=True))
    ]
    workflow_id = processor.define({"name": "files", "steps": steps})

    ended = await processor.wait(await processor.execute_workflow(workflow_id, {"name": "report"}), HANG_S)

    assert "completed" == ended.status, ended.errors
    result = ended.steps["read"].result
    assert result is not None
    assert "one\ntwo\n" == result.data
    assert [] == names(workspace)


async def test_a_file_that_vanishes_in_the_middle_fails_its_reader_alone(
    processor: MultiStepProcessor, workspace: Path
) -> None:
    """The error is final and clear, and a step beside it completes."""

    def vanish(step: StepInput, execution: ExecutionInput) -> None:
        (workspace / "notes.txt").unlink()

    processor.register_handler("vanish", vanish)
    note = {"file_path": "notes.txt"}
    steps = [
        {"name": "Write", "handler": "file_operation", "params": {"operation": "write", "content": "x", **note}},
        {"name": "Vanish", "handler": "vanish", "dependencies": ["Write"]},
        {
            "name": "Read",
            "handler": "file_operation",
            "params": {"operation": "read", **note},
            "dependencies": ["Vanish"],
        },
        {"name": "Neighbour", "handler": "log", "params": {"message": "well"}},
    ]
    workflow_id = processor.define({"name": "vanishing", "steps": steps})

    ended = await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)

    assert "failed" == ended.status
    assert [{"step": "Read", "code": "not_found"}] == [{k: e[k] for k in ("step", "code")} for e in ended.errors]
    assert f"{workspace}/notes.txt: there is no such file" in ended.errors[0]["error"]
    assert (1, "completed") == (ended.steps["Read"].attempts, ended.steps["Neighbour"].status)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"operation": "read", "file_path": "{context.out}"}, "outside_workspace"),
        ({"operation": "read", "file_path": "{context.empty}"}, "invalid_path"),
        ({"operation": "read", "file_path": "a", "encoding": "{context.out}"}, "unknown_encoding"),
        ({"operation": "write", "file_path": "a", "content": "{context.out}", "encoding": "base64"}, "invalid_base64"),
        ({"operation": "{context.out}", "file_path": "a", "content": ""}, "invalid_params"),
    ],
)
async def test_what_a_placeholder_brings_is_judged_at_once(
    processor: MultiStepProcessor, params: dict[str, Any], code: str
) -> None:
    """Wrong values are final: one attempt, and nothing is written."""
    ended = await run(processor, "file_operation", params, {"out": "../x", "empty": ""})

    assert (code, 1) == failed(ended)[:2]


async def test_the_check_refuses_the_run(processor: MultiStepProcessor) -> None:
    """execute_workflow names the step and the param, and nothing starts."""
    with pytest.raises(ValidationError, match=r"step 'Only', field 'params', 'file_path': .* leads out"):
        await run(processor, "file_operation", {"operation": "read", "file_path": "../a"})
