"""A workspace with what lies around it, hostile paths and trees for it, and file_operation as an assistant has it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import pytest

from syncara import SyncaraError
from syncara.abc import ExecutionInput
from syncara.handlers import disk, files
from syncara.runtimes.driver import StepInput

CANARY = "canary: this lies outside"
CORPUS = Path(__file__).with_name("corpus") / "paths.jsonl"
LINES = [json.loads(line) for line in CORPUS.read_text("ascii").splitlines()]
REFUSED = {line["reason"]: line for line in LINES if line["outcome"] == "refused"}
INSIDE = {line["reason"]: line for line in LINES if line["outcome"] == "inside"}
PARAMS: dict[str, dict[str, Any]] = {
    "read": {},
    "write": {"content": "new\n", "create_folders": True},
    "append": {"content": "more\n", "create_folders": True},
    "delete": {},
}
RECORD = disk._record_of(Path("notes.txt")).name  # noqa: SLF001
TEMPORARY = f"{disk.OWN}{disk._digest('key:1')}.tmp"  # noqa: SLF001
"""What lies beside notes.txt: the record of its appends, and for a moment what the first attempt writes."""


class Attempt(NamedTuple):
    """As much of an execution as file_operation looks at."""

    idempotency_key: str = "key"
    attempt: int = 1
    chat_id: Any = 5
    author: Any = "ai"


def do(workspace: Path, operation: str, path: str, attempt: Attempt | None = None, **params: Any) -> Any:
    """What file_operation returns in an assistant's workflow in chat 5, or in that of `attempt`."""
    handler = files.handlers(workspace)[0]
    given = {"operation": operation, "file_path": path, **(params or PARAMS[operation])}
    step = StepInput("step", "Step", msgspec.convert(given, files.FileParams))
    return handler.fn(step, cast("ExecutionInput", attempt or Attempt()))


def tried(workspace: Path, operation: str, path: str, **params: Any) -> Any:
    """The result, or the error instead of it."""
    try:
        return do(workspace, operation, path, **params)
    except SyncaraError as error:
        return error


def tree(folder: Path, without: Path | None = None) -> dict[str, tuple[str, str]]:
    """Everything below a folder: its kind and permissions, and where it points to or the hash of what it holds."""
    found = {}
    for path in (Path(base) / name for base, folders, names in os.walk(folder) for name in (*folders, *names)):
        mode, content = path.lstat().st_mode, ""
        if stat.S_ISLNK(mode):
            content = str(path.readlink())
        elif stat.S_ISREG(mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(folder))] = (stat.filemode(mode), content)
    inside = without and str(without.relative_to(folder))
    return {name: what for name, what in found.items() if not inside or not f"{name}/".startswith(f"{inside}/")}


class Ground:
    """A workspace with the folders of two chats, and what lies outside, some of it under the same names."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.outside = base / "outside"
        self.workspace = base / "workspace"
        self.root = self.workspace / "chats" / "number-5"
        self.filled = {"{outside}": str(self.outside), "{root}": str(self.root)}

    def build(self, things: dict[str, str]) -> None:
        """Make it all; `things` are relative to the chat's folder, which may itself be one (`.`), or its parent."""
        for folder in ("", "folder", "number-5", "number-5/a"):
            self._secret(self.outside / folder)
        self._secret(self.workspace)
        if ".." not in things:
            self._secret(self.root.parent / "text-5")
            if "." not in things:
                self.root.mkdir(mode=0o700)
        for name, what in things.items():
            self._make(Path(os.path.normpath(self.root / name)), self.fill(what))

    def fill(self, text: str) -> str:
        for name, value in self.filled.items():
            text = text.replace(name, value)
        return text

    def everything(self) -> dict[str, tuple[str, str]]:
        return tree(self.base)

    def around(self) -> dict[str, tuple[str, str]]:
        """Everything but what is in the chat's folder."""
        return tree(self.base, without=self.root)

    def _secret(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("secret.txt", "notes.txt"):
            (folder / name).write_text(CANARY)

    def _make(self, path: Path, what: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if what.startswith("link "):
            path.symlink_to(what.removeprefix("link "))
        elif what.startswith("hard link "):
            path.hardlink_to(what.removeprefix("hard link "))
        else:
            MAKERS[what](path)


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
    os.chdir(here)


def make_device(path: Path) -> None:
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.lstat(os.devnull).st_rdev)
    except PermissionError:
        pytest.skip("devices are made by root alone")


MAKERS: dict[str, Callable[[Path], object]] = {
    "file": lambda path: path.write_text("inside\n"),
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "socket": make_socket,
    "device": make_device,
}


@contextmanager
def ground_at(base: Path) -> Iterator[Ground]:
    """Not built yet. The working directory, the home folder and an open folder of the process lie outside."""
    made = Ground(base)
    made.outside.mkdir()
    opened = os.open(made.outside, os.O_RDONLY)
    made.filled["{fd}"] = str(opened)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.outside)
        patch.setenv("HOME", str(made.outside))
        yield made
    os.close(opened)
