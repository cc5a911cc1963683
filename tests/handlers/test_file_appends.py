"""Appending once: the repeat of a key adds nothing, whatever crashes and whoever else writes."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara import MultiStepProcessor
from syncara.abc import Handler
from syncara.handlers import disk, files
from tests.handlers.file_calls import child, do, error, names
from tests.handlers.support import HANG_S


@pytest.fixture
def handler(workspace: Path) -> Handler:
    return files.handlers(workspace)[0]


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


def torn_log(folder: Path, case: tuple[bytes, bytes, bytes]) -> Path:
    """The file, as the crash left it."""
    base, content, left = case
    path = folder / "log"
    path.write_bytes(base)
    disk.append_once(path, "key", lambda length: content)
    os.truncate(path, len(base))
    with path.open("ab") as file:
        file.write(left)
    return path


@given(torn())
@settings(max_examples=40)
def test_a_torn_append_is_cut_off_and_made_again(case: tuple[bytes, bytes, bytes]) -> None:
    """Wherever the crash came, a repeat of the key leaves the file as if nothing had happened."""
    base, content, _ = case
    with tempfile.TemporaryDirectory() as folder:
        path = torn_log(Path(folder), case)

        disk.append_once(path, "key", lambda length: content)

        assert base + content == path.read_bytes()


@given(torn(), CONTENT)
@settings(max_examples=40)
def test_another_append_repairs_before_it_adds(case: tuple[bytes, bytes, bytes], other: bytes) -> None:
    """A step that comes before the repeat cuts the torn one off, keeps a whole one, and loses nothing of its own."""
    base, content, left = case
    with tempfile.TemporaryDirectory() as folder:
        path = torn_log(Path(folder), case)

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
