"""file_operation on real files: whole or not at all, once, and with errors that say what to do."""

from __future__ import annotations

import base64
import fcntl
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara import MultiStepProcessor, NonRetryableError, ValidationError
from syncara.abc import ExecutionInput, Handler, StepInput
from syncara.core.limits import RESULT_BYTES_MAX
from syncara.handlers import disk, files
from tests.handlers.support import HANG_S, Attempt, called, failed, refused, run

CHILD = Path(__file__).with_name("child.py")
ROOT = Path(__file__).parents[2]
NOBODY = 65534


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def handler(workspace: Path) -> Handler:
    return files.handlers(workspace)[0]


@pytest.fixture
async def processor(tmp_path: Path, handler: Handler) -> AsyncIterator[MultiStepProcessor]:
    async with MultiStepProcessor(tmp_path / "syncara.db", durability="fast") as started:
        started._handlers.install([handler])  # noqa: SLF001 - with a workspace of the test's own
        yield started


def do(handler: Handler, operation: str, path: str | Path, content: Any = None, key: str = "key", **params: Any) -> Any:
    given = {"operation": operation, "file_path": str(path), **params}
    if content is not None:
        given["content"] = content
    return called(handler, given, Attempt(key))


def error(handler: Handler, operation: str, path: str | Path, content: Any = None, **params: Any) -> str:
    """The error of an operation that no further attempt can help."""
    with pytest.raises(NonRetryableError) as caught:
        do(handler, operation, path, content, **params)
    return str(caught.value)


def child(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CHILD, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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
    steps = []
    fsync, rename = os.fsync, os.rename

    def spy_fsync(descriptor: int) -> None:
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        fsync(descriptor)

    def spy_rename(source: Path, target: Path) -> None:
        steps.append(f"rename to {target.name}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "rename", spy_rename)

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


# Appending once.


def test_each_key_is_appended_once(handler: Handler) -> None:
    """A repeat of a key adds nothing, also when other keys came in between, and returns what it returned first."""
    first = do(handler, "append", "log.txt", "one\n", key="a")
    do(handler, "append", "log.txt", "two\n", key="b")

    again = do(handler, "append", "log.txt", "one\n", key="a")
    do(handler, "append", "log.txt", "two\n", key="b")
    do(handler, "append", "log.txt", "one\n", key="c")

    assert first == again
    assert "one\ntwo\none\n" == do(handler, "read", "log.txt")


CONTENT = st.binary(min_size=1, max_size=40)


@st.composite
def torn(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """A file, what is to be appended, and what a crash made of that: cut short, with zeros where bytes were not yet."""
    base, content = draw(st.binary(max_size=20)), draw(CONTENT)
    kept = draw(st.lists(st.booleans(), max_size=len(content)))
    return base, content, bytes(byte if there else 0 for byte, there in zip(content, kept, strict=False))


@given(torn())
@settings(max_examples=40)
def test_a_torn_append_is_cut_off_and_made_again(case: tuple[bytes, bytes, bytes]) -> None:
    """Wherever the crash came, a repeat of the key leaves the file as if nothing had happened."""
    base, content, left = case
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(base)
        disk.append_once(path, "key", lambda length: content)
        os.truncate(path, len(base))
        with path.open("ab") as file:
            file.write(left)

        disk.append_once(path, "key", lambda length: content)

        assert base + content == path.read_bytes()


@given(torn(), CONTENT)
@settings(max_examples=40)
def test_another_append_repairs_before_it_adds(case: tuple[bytes, bytes, bytes], other: bytes) -> None:
    """A step that comes before the repeat cuts the torn one off, keeps a whole one, and loses nothing of its own."""
    base, content, left = case
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(base)
        disk.append_once(path, "key", lambda length: content)
        os.truncate(path, len(base))
        with path.open("ab") as file:
            file.write(left)

        disk.append_once(path, "other", lambda length: other)
        disk.append_once(path, "key", lambda length: content)

        expected = base + content + other if left == content else base + other + content
        assert expected == path.read_bytes()


def test_a_process_killed_while_appending_has_appended_once_in_the_end(tmp_path: Path) -> None:
    """The system kills the process within the write; part of it is in the file until the next attempt."""
    path = tmp_path / "log"
    path.write_bytes(b"-" * 500_000)

    died = child("dies", path, "key", 200_000, 600_000)

    assert died.returncode < 0
    assert 600_000 == path.stat().st_size
    disk.append_once(path, "key", lambda length: b"x" * 200_000)
    assert b"-" * 500_000 + b"x" * 200_000 == path.read_bytes()


def test_what_a_killed_process_left_beside_the_file_is_cleared_away(tmp_path: Path) -> None:
    """Here it dies before it has touched the file; the next attempt takes over its temporary file."""
    path = tmp_path / "log"

    died = child("dies", path, "key", 200_000, 100_000)

    assert died.returncode < 0
    assert 0 == path.stat().st_size
    disk.append_once(path, "key", lambda length: b"x" * 200_000)
    assert b"x" * 200_000 == path.read_bytes()
    assert 2 == len(names(tmp_path))


async def test_a_run_killed_between_append_and_commit_appends_once(tmp_path: Path, workspace: Path) -> None:
    """The engine makes the attempt again, since it cannot know; the file says that it is done."""
    database = tmp_path / "crash.db"

    died = child("crash", database, workspace)

    assert -9 == died.returncode, died.stderr
    execution_id = died.stdout.strip()
    assert "once\n" == (workspace / "log.txt").read_text()

    processor = MultiStepProcessor(database)
    processor.list_workflows()  # opens it, so that the handler is there before the run goes on
    processor._handlers.install(files.handlers(workspace))  # noqa: SLF001 - with a workspace of the test's own
    async with processor:
        ended = await processor.wait(execution_id, HANG_S)

    assert "completed" == ended.status
    assert "once\n" == (workspace / "log.txt").read_text()


@pytest.mark.parametrize("found", [b"ouTHEIRS\n", b"our\0\0THEIRS\n", b"theirs\n"])
def test_what_others_wrote_in_the_meantime_stays(tmp_path: Path, found: bytes) -> None:
    """A program that knows nothing of keys appended after the crash: its bytes are kept, the append comes behind."""
    path = tmp_path / "log"
    disk.append_once(path, "key", lambda length: b"ours\n")
    path.write_bytes(found)

    disk.append_once(path, "key", lambda length: b"ours\n")

    assert found + b"ours\n" == path.read_bytes()


def test_an_append_that_waited_goes_to_the_file_of_that_name(tmp_path: Path) -> None:
    """While it waits for its turn the file may be replaced; nothing is appended to the one that is gone."""
    path = tmp_path / "log"
    path.write_bytes(b"old\n")
    begun = threading.Event()

    def append() -> None:
        begun.set()
        disk.append_once(path, "key", lambda length: b"line\n")

    with ThreadPoolExecutor(1) as pool, path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        appended = pool.submit(append)
        begun.wait()
        disk.replace(path, b"new\n", "token")
        fcntl.flock(file, fcntl.LOCK_UN)
        appended.result()

    assert b"new\nline\n" == path.read_bytes()


def test_a_new_file_of_the_same_name_is_never_cut(tmp_path: Path) -> None:
    """What looks like a torn append in a file that took the other's place is that file's own."""
    path = tmp_path / "log"
    disk.append_once(path, "key", lambda length: b"ours\n")
    disk.replace(path, b"ou", "token")

    disk.append_once(path, "other", lambda length: b"next\n")

    assert b"ounext\n" == path.read_bytes()


def test_threads_and_processes_append_to_one_file_without_loss(tmp_path: Path) -> None:
    """Every line is there once, and lines of one writer are in its order."""
    path = tmp_path / "log"

    def write(name: str) -> None:
        for n in range(10):
            disk.append_once(path, f"{name}:{n}", lambda length: f"{name} {n}\n".encode())  # noqa: B023 - called here

    with ThreadPoolExecutor(6) as pool:
        others = [pool.submit(child, "lines", path, f"process{n}", 10) for n in range(2)]
        list(pool.map(write, [f"thread{n}" for n in range(4)]))

    assert [0, 0] == [other.result().returncode for other in others]
    lines = path.read_text().splitlines()
    for name in [f"thread{n}" for n in range(4)] + [f"process{n}" for n in range(2)]:
        assert [f"{name} {n}" for n in range(10)] == [line for line in lines if line.startswith(f"{name} ")]
    assert 60 == len(lines)


def test_the_record_of_appends_is_as_private_as_the_file(tmp_path: Path) -> None:
    """It holds the content of the last append."""
    path = tmp_path / "log"
    path.touch(mode=0o600)

    disk.append_once(path, "key", lambda length: b"secret")

    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}


def test_the_record_of_appends_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It remembers a fixed number of keys, the newest, and not every append there ever was."""
    monkeypatch.setattr(disk, "APPENDS_KEPT", 3)
    path = tmp_path / "log"
    for n in range(9):
        disk.append_once(path, str(n), lambda length: b"x")

    record = disk._load(path)  # noqa: SLF001

    assert [disk._digest(str(n)) for n in (5, 6, 7)] == record.done  # noqa: SLF001 - the ninth is still the last


def test_a_damaged_record_stops_the_append(handler: Handler, workspace: Path) -> None:
    """Nobody knows any more what was appended, so a person decides."""
    do(handler, "append", "log.txt", "one\n")
    disk._record_of(workspace / "log.txt").write_bytes(b"{")  # noqa: SLF001

    assert "damaged_record" in error(handler, "append", "log.txt", "two\n")
    assert "one\n" == do(handler, "read", "log.txt")


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


# Where.


@pytest.mark.parametrize("path", ["../out.txt", "a/../../out.txt", "..", "link/out.txt", "to_file"])
@pytest.mark.parametrize("operation", ["read", "write", "append"])
def test_a_relative_path_cannot_leave_the_workspace(
    handler: Handler, workspace: Path, operation: str, path: str
) -> None:
    """Neither by .. nor by a link; nothing outside is touched."""
    workspace.mkdir()
    (workspace / "link").symlink_to(workspace.parent)
    (workspace / "to_file").symlink_to(workspace.parent / "out.txt")

    content = None if operation == "read" else "x"

    assert "outside_workspace" in error(handler, operation, path, content)
    assert ["workspace"] == names(workspace.parent)


def test_an_absolute_path_is_used_as_written(handler: Handler, tmp_path: Path, workspace: Path) -> None:
    """The developer may name any file; the workspace is not made for it."""
    path = tmp_path / "elsewhere.txt"

    assert str(path) == do(handler, "write", path, "x")["path"]
    assert "x" == path.read_text()
    assert not workspace.exists()


def test_the_workspace_is_a_folder_of_the_working_directory_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is fixed when the handlers are made, whatever the working directory is later."""
    monkeypatch.chdir(tmp_path)
    handler = files.handlers()[0]
    monkeypatch.chdir("/")

    assert {"path": str(tmp_path / "workspace" / "a"), "bytes": 1} == do(handler, "write", "a", "x")


@pytest.mark.parametrize("operation", ["write", "append"])
def test_missing_folders_are_made_on_request(handler: Handler, workspace: Path, operation: str) -> None:
    """Without create_folders the error names the folder and says what to set."""
    said = error(handler, operation, "a/b/c.txt", "x")
    assert f"no_folder: {workspace}/a/b/c.txt: there is no folder '{workspace}/a/b'" in said
    assert "create_folders" in said

    do(handler, operation, "a/b/c.txt", "x", create_folders=True)

    assert "x" == do(handler, "read", "a/b/c.txt")


# What is no ordinary file, or not for us.


@pytest.fixture
def odd(workspace: Path) -> Iterator[dict[str, Path]]:
    """One of each kind of thing that is not an ordinary file."""
    workspace.mkdir()
    os.mkfifo(workspace / "fifo")
    here = Path.cwd()
    os.chdir(workspace)  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        os.chdir(here)
        yield {
            "a folder": workspace,
            "a named pipe": workspace / "fifo",
            "a socket": workspace / "socket",
            "a device": Path(os.devnull),
        }


@pytest.mark.parametrize("kind", ["a folder", "a named pipe", "a socket", "a device"])
@pytest.mark.parametrize("operation", ["read", "write", "append"])
def test_only_ordinary_files_are_opened(handler: Handler, odd: dict[str, Path], operation: str, kind: str) -> None:
    """Anything else is refused by name at once, and is still there."""
    content = None if operation == "read" else "x"

    assert f"it is {kind}" in error(handler, operation, odd[kind], content)
    assert odd[kind].exists()


def test_folders_are_not_deleted(handler: Handler, workspace: Path) -> None:
    """Deleting is for files."""
    workspace.mkdir()

    assert "it is a folder" in error(handler, "delete", workspace)
    assert "it is a folder" in error(handler, "delete", ".")
    assert workspace.is_dir()


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user to whom permissions apply, which they do not to root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("operation", ["read", "write", "append", "delete"])
def test_missing_permission_is_final_and_says_so(handler: Handler, workspace: Path, operation: str) -> None:
    """The content stays, also where a rename could have replaced a read-only file."""
    workspace.mkdir()
    path = workspace / "private.txt"
    path.write_text("kept")
    path.chmod(0)
    workspace.chmod(0o500)
    content = None if operation in ("read", "delete") else "x"

    with unprivileged():
        said = error(handler, operation, path, content)

    assert said.startswith(f"permission_denied: {path}: ")
    workspace.chmod(0o700)
    path.chmod(0o600)
    assert "kept" == path.read_text()


def test_a_read_only_file_is_not_replaced(handler: Handler) -> None:
    """The rename would succeed, but it is not what the owner of the file wants."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        path = Path(folder) / "read-only.txt"
        path.write_text("kept")
        path.chmod(0o444)

        with unprivileged():
            said = error(handler, "write", path, "x")

        assert said.startswith(f"permission_denied: {path}: ")
        assert "kept" == path.read_text()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("x" * 300, "invalid_path"),
        ("circle", "invalid_path"),
        ("file/below", "not_found"),
        ("nothing.txt", "not_found"),
    ],
)
def test_a_path_that_leads_nowhere_is_final(handler: Handler, workspace: Path, path: str, code: str) -> None:
    """The code says what is wrong with it, and the error repeats the path."""
    workspace.mkdir()
    (workspace / "circle").symlink_to("circle")
    (workspace / "file").write_text("")

    said = error(handler, "read", path)

    assert said.startswith(f"{code}: {workspace / path}: ")


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
        ({"operation": "read", "file_path": "a", "encoding": "hex"}, ["no text encoding 'hex'"]),
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
