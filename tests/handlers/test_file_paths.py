"""Where file_operation works, and what it finds there: the workspace, odd files, and files that are not for us."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncara.abc import Handler
from syncara.handlers import files
from tests.handlers.file_calls import do, error, names, unprivileged


@pytest.fixture
def handler(workspace: Path) -> Handler:
    return files.handlers(workspace)[0]


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
