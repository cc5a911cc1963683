"""Files of workflows that an assistant wrote: each chat has a folder, and no path leads out of it.

Besides, the policy can name shared roots: folders that chats have in common with the program.

What a path looks like proves nothing, since a link can lie anywhere and the tree can change at any moment. So the way
to a file goes from open folder to open folder, follows no link, and each thing is judged once more when it is open: it
must be an ordinary file that has no other name. What is mounted below the folder counts as inside.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from syncara.handlers import disk
from syncara.handlers.failures import FinalError

CHATS = "chats"
"""The folder in the workspace that holds the chats' folders."""
NAME_BYTES_MAX = 255
PATH_BYTES_MAX = 512
"""Far below what a system takes in one go, so that other programs can reach whatever is made here."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_PASSED = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
"""How a folder is opened that only leads on: where the system can, without the right to list it."""
_NO_LINK = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_IS_LINK = {errno.ELOOP, errno.EMLINK}
"""What systems say to O_NOFOLLOW."""
_READABLE = re.compile(r"[a-z0-9_-]{1,64}")


class Root(NamedTuple):
    """A shared root as it was when the database was opened."""

    path: Path
    """As the policy names it."""
    real: Path
    """Where that led, links followed. If it leads elsewhere later, it is no root any more."""
    apart: Collection[Path]
    """What it must not turn out to be when it is open, whatever was moved or mounted since."""


def _refused(message: str, fix: str, where: str = "'file_path'", example: str = "") -> FinalError:
    return FinalError("path_refused", message, where, fix, example)


# Which.


def names(file_path: str) -> tuple[str, ...]:
    """The folders and the file that a relative path names; nothing in a name is special.

    Raises FinalError with code `path_refused`.
    """
    if not _is_text(file_path):
        raise _refused("a path is Unicode text without a NUL", "use ordinary characters")
    parts = file_path.split("/")
    inside = tuple(name for name in parts if name not in ("", ".", ".."))
    relative = "/".join(inside) or "notes.txt"
    if file_path.startswith("/"):
        fix = "write the path relative to this chat's folder"
        raise _refused("an absolute path leads out of this chat's folder", fix, example=relative)
    if ".." in parts:
        raise _refused("'..' leads out of a folder", "write the path without '..'", example=relative)
    if parts[-1] in ("", "."):
        raise _refused("the path names a folder, or nothing", "end it with the name of a file", example="notes.txt")
    sizes = [len(name.encode()) for name in inside]
    if max(sizes) > NAME_BYTES_MAX:
        raise _refused(f"a name in the path has more than {NAME_BYTES_MAX} bytes", "use shorter names")
    if sum(sizes) + len(sizes) - 1 > PATH_BYTES_MAX:
        raise _refused(f"the path has more than {PATH_BYTES_MAX} bytes", "use fewer folders and shorter names")
    if any(name.casefold().startswith(disk.OWN) for name in inside):
        raise _refused(f"names that begin with '{disk.OWN}' are Syncara's own", "use another name")
    return inside


def _is_text(file_path: str) -> bool:
    try:
        return b"\0" not in file_path.encode()
    except UnicodeEncodeError:  # halves of characters, which Python would turn into bytes of its choice
        return False


def folder_name(chat_id: Any) -> str:
    """The name of a chat's folder: safe for any id, and never the same for two, also where case does not count."""
    if chat_id is None:
        return "none"
    if not isinstance(chat_id, str):
        return f"number-{chat_id}"
    if _READABLE.fullmatch(chat_id):
        return f"text-{chat_id}"
    return "hash-" + hashlib.sha256(chat_id.encode(errors="surrogatepass")).hexdigest()


def root_of(path: tuple[str, ...], shared: Collection[str]) -> str | None:
    """The shared root that a path, as `names` reads it, lies in: its first folder; None: the chat's own folder."""
    return path[0] if len(path) > 1 and path[0] in shared else None


# The way there.


@contextlib.contextmanager
def opened_own(
    workspace: Path, chat_id: Any, folders: tuple[str, ...], *, make_root: bool, make_folders: bool
) -> Iterator[disk.Access]:
    """The files in a folder of the chat's folder.

    make_root: make the workspace and the chat's folder if they are missing; make_folders: `folders`, too.
    Raises FinalError with code `path_refused`, or `unsupported` where the system has no such way; FileNotFoundError.
    """
    _require_support()
    if make_root:
        disk.make_folder(workspace)
    way = [(name, 0o700 if make_root else None) for name in (CHATS, folder_name(chat_id))]
    with _opened(os.open(workspace, _FOLDER), way + _way(folders, make_folders)) as access:
        yield access


@contextlib.contextmanager
def opened_shared(root: Root, folders: tuple[str, ...], *, make_folders: bool) -> Iterator[disk.Access]:
    """The files in a folder of a shared root, which is there or is not: nothing makes it.

    Raises as `opened_own`, and FinalError with code `no_root`.
    """
    _require_support()
    with _opened(_opened_root(root), _way(folders, make_folders)) as access:
        yield access


def _opened_root(root: Root) -> int:
    if Path(os.path.realpath(root.path)) != root.real:
        raise _no_root("it leads elsewhere than when the bot was started")
    try:
        base = _walked(root.real)
    except OSError as error:
        raise _no_root(os.strerror(error.errno or 0)) from None
    if _is_any_of(os.fstat(base), root.apart):
        os.close(base)
        raise _no_root("it has become a folder that chats do not share")
    return base


def _walked(real: Path) -> int:
    """Open a folder by its real path, step by step: a link that was put on the way since is not followed."""
    *above, last = real.parts
    with contextlib.ExitStack() as passed:
        here = None
        for name in above:
            here = os.open(name, _PASSED | _NO_LINK, dir_fd=here)
            passed.callback(os.close, here)
        return os.open(last, _FOLDER | _NO_LINK, dir_fd=here)


def _is_any_of(status: os.stat_result, paths: Collection[Path]) -> bool:
    for path in paths:
        with contextlib.suppress(OSError):  # nothing is there
            if os.path.samestat(status, path.stat()):
                return True
    return False


def _no_root(why: str) -> FinalError:
    fix = "ask the bot's owner, whose policy file names it"
    return FinalError("no_root", f"this shared folder cannot be opened: {why}", "'file_path'", fix)


def _require_support() -> None:
    if os.open not in os.supports_dir_fd:
        message = "this system cannot keep an assistant's files in one folder"
        raise FinalError("unsupported", message, fix="run Syncara on Linux or macOS")


def _way(folders: tuple[str, ...], make: bool) -> list[tuple[str, int | None]]:
    return [(name, 0o777 if make else None) for name in folders]


@contextlib.contextmanager
def _opened(here: int, way: list[tuple[str, int | None]]) -> Iterator[disk.Access]:
    """The files at the end of a way that is gone once: a swap on it changes nothing later. Closes `here`."""
    try:
        for name, mode in way:
            inner = _entered(here, name, mode)
            os.close(here)
            here = inner
        yield InFolder(here)
    finally:
        os.close(here)


def _entered(outer: int, name: str, mode: int | None) -> int:
    """Open the folder `name` of the open folder `outer`; with a mode, make it if it is missing."""
    try:
        return _open_folder(outer, name)
    except FileNotFoundError:
        if mode is None:
            raise
    with contextlib.suppress(FileExistsError):  # somebody else was faster
        os.mkdir(name, mode, dir_fd=outer)
    disk.sync_names(outer)
    return _open_folder(outer, name)


def _open_folder(outer: int, name: str) -> int:
    try:
        return os.open(name, _FOLDER | _NO_LINK, dir_fd=outer)
    except OSError as error:
        if error.errno not in {errno.ENOTDIR, *_IS_LINK}:
            raise
        kind = disk.kind(os.lstat(name, dir_fd=outer))
        raise _refused(f"'{name}' is {kind}, not a folder", "use a real folder, or another name") from None


class InFolder(disk.Access):
    """The files of one open folder, by the last names of their paths: only ordinary files that have no other name."""

    def __init__(self, folder: int) -> None:
        self._folder = folder

    def open(self, path: Path, flags: int) -> int:
        try:
            descriptor = os.open(path.name, flags | _NO_LINK, 0o666, dir_fd=self._folder)
        except OSError as error:
            if error.errno in _IS_LINK:
                raise _not_ordinary(path, "a link") from None
            raise
        try:
            _require_ordinary(path, os.fstat(descriptor))
        except FinalError:
            os.close(descriptor)
            raise
        return descriptor

    def stat(self, path: Path) -> os.stat_result:
        status = os.lstat(path.name, dir_fd=self._folder)
        _require_ordinary(path, status)
        return status

    lstat = stat

    def is_writable(self, path: Path) -> bool:
        return os.access(path.name, os.W_OK, dir_fd=self._folder, effective_ids=True, follow_symlinks=False)

    def rename(self, path: Path, target: Path) -> None:
        os.rename(path.name, target.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def unlink(self, path: Path) -> None:
        os.unlink(path.name, dir_fd=self._folder)

    def sync_folder(self, path: Path) -> None:
        disk.sync_names(self._folder)


def _require_ordinary(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _not_ordinary(path, disk.kind(status))
    if status.st_nlink > 1:
        raise _not_ordinary(path, "one file with another that may lie elsewhere (a hard link)")


def _not_ordinary(path: Path, what: str) -> FinalError:
    return _refused(f"it is {what}", "name an ordinary file; a copy instead of a link is one", str(path))
