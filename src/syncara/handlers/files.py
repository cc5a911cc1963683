"""file_operation: read, write, append to and delete files of this machine."""

from __future__ import annotations

import base64
import binascii
import codecs
import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec

from syncara.abc import ExecutionInput, Handler, StepInput
from syncara.core.errors import Problem, SyncaraError, nearest
from syncara.core.limits import RESULT_BYTES_MAX
from syncara.handlers import disk, rooted
from syncara.handlers.failures import FinalError, literal_problems
from syncara.handlers.registry import struct_check
from syncara.handlers.text import is_for_text, to_text

WORKSPACE = Path("workspace")
"""The folder in which relative paths start, unless another is set."""
BASE64 = "base64"


class FileParams(msgspec.Struct, forbid_unknown_fields=True):
    """Read, write, append to or delete a file."""

    operation: Literal["read", "write", "append", "delete"]
    file_path: str
    """A relative path lies in the workspace folder and may not lead out of it; an absolute one is used as it is."""
    content: Any = None
    """What to write or append: text as it is, any other value as JSON."""
    encoding: str = "utf-8"
    """How text becomes bytes; `base64` for a file that is not text: its bytes as base64 text, in both directions."""
    create_folders: bool = False
    """write and append: make the folders of the path that are missing."""


_FIELDS = {
    "read": {"encoding"},
    "write": {"content", "encoding", "create_folders"},
    "append": {"content", "encoding", "create_folders"},
    "delete": set[str](),
}


def no_roots(chat_id: Any) -> Mapping[str, rooted.Root]:
    """A chat without shared roots."""
    return {}


def handlers(
    workspace: Path | None = None, shared_roots: Callable[[Any], Mapping[str, rooted.Root]] = no_roots
) -> list[Handler]:
    """`shared_roots`: by name, the folders that a chat has in common with the program; see `rooted`."""
    root = (WORKSPACE if workspace is None else workspace).absolute()

    def file_operation(step: StepInput, execution: ExecutionInput) -> Any:
        """read: the content. write, append: `{path, bytes}`. delete: `{path, deleted}`, and `reason` if it did not."""
        p: FileParams = step.params
        _require_encoding(p.encoding)
        making = p.operation in ("write", "append")
        if execution.author == "developer":
            path = _located(root, p)
            way = _by_path(root, path, p, making=making)
        else:
            path = Path(*rooted.names(p.file_path))
            way = _guarded(root, path, shared_roots(execution.chat_id), execution.chat_id, p, making=making)
        try:
            with way as access:
                return _done(path, p, execution, access)
        except OSError as error:
            if p.operation == "delete" and error.errno == errno.ENOENT:
                return {"path": str(path), "deleted": False, "reason": "there is no such file"}
            raise _explained(error, path, p.operation) from error

    return [Handler("file_operation", file_operation, "thread", FileParams, False, _check)]


def _check(params: dict[str, Any]) -> list[Problem]:
    found: list[Problem] = struct_check(FileParams)(params)
    found += literal_problems("file_path", params.get("file_path"), _require_path)
    found += literal_problems("encoding", params.get("encoding"), _require_encoding)
    if params.get("encoding") == BASE64:
        found += literal_problems("content", params.get("content"), _from_base64)
    operation = params.get("operation")
    if not isinstance(operation, str) or operation not in _FIELDS:
        return found
    takes = {"operation", "file_path", *_FIELDS[operation]}
    for name in sorted(params.keys() & set(FileParams.__struct_fields__) - takes):
        fix = f"'{operation}' takes " + ", ".join(sorted(takes))
        found.append(Problem("invalid_params", f"'{name}'", f"'{operation}' does not take '{name}'", fix))
    if "content" in takes and "content" not in params:
        found.append(Problem("invalid_params", "", f"'{operation}' needs 'content'", "add 'content'"))
    return found


# Where.


def _require_path(file_path: str) -> None:
    """Refuse what names no file, whatever is on the disk."""
    if not file_path or file_path.endswith(os.sep) or "\0" in file_path:
        message = "'file_path' is empty, ends like a folder or holds a NUL"
        raise FinalError("invalid_path", message, fix="name a file", example="notes.txt")
    if not file_path.startswith(os.sep) and Path(os.path.normpath(file_path)).parts[:1] == (os.pardir,):
        raise _outside(file_path)


def _outside(file_path: str) -> FinalError:
    message = f"'{file_path}' leads out of the workspace folder"
    return FinalError("outside_workspace", message, fix="stay inside it, or write an absolute path")


def _located(root: Path, p: FileParams) -> Path:
    """The absolute path, links followed; a link that is to be deleted is itself the file."""
    _require_path(p.file_path)
    joined = root / p.file_path
    path = _resolved(joined.parent) / joined.name if p.operation == "delete" else _resolved(joined)
    if not Path(p.file_path).is_absolute() and not path.is_relative_to(_resolved(root)):
        raise _outside(p.file_path)
    return path


@contextlib.contextmanager
def _by_path(root: Path, path: Path, p: FileParams, *, making: bool) -> Iterator[disk.Access]:
    """A developer's way to the file, the counterpart of `_guarded`."""
    if making and p.create_folders:
        disk.make_folder(path.parent)
    elif making and not Path(p.file_path).is_absolute():
        disk.make_folder(root)
    yield disk.BY_PATH


@contextlib.contextmanager
def _guarded(
    root: Path, path: Path, shared: Mapping[str, rooted.Root], chat_id: Any, p: FileParams, *, making: bool
) -> Iterator[disk.Access]:
    """An assistant's way to the file: in its chat's folder, or in a shared root."""
    folders, make_folders = path.parts[:-1], making and p.create_folders
    name = rooted.root_of(path.parts, shared)
    if name is None:
        way = rooted.opened_own(root, chat_id, folders, make_root=making, make_folders=make_folders)
    else:
        way = rooted.opened_shared(shared[name], folders[1:], make_folders=make_folders)
    with way as access:
        yield access


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve gives up on links in a circle, each version in its own way


def _require_file(path: Path, access: disk.Access) -> None:
    """Refuse what is there and not an ordinary file: opening a pipe or a device can wait for ever, or do something."""
    status = access.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise FinalError("not_a_file", f"it is {disk.kind(status)}", str(path), "name an ordinary file")


# What.


def _require_encoding(encoding: str) -> None:
    if encoding == BASE64:
        return
    try:
        usable = is_for_text(encoding)
    except (LookupError, ValueError):
        usable = False
    if not usable:
        fix = nearest(encoding, ("utf-8", "utf-16", "latin-1", "cp1252", "ascii", BASE64)) or "use utf-8, or base64"
        raise FinalError("unknown_encoding", f"there is no text encoding '{encoding}'", fix=fix)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        fix = "encode the bytes as base64, or name the encoding of the text"
        raise FinalError("invalid_base64", f"'content' is not base64: {error}", fix=fix) from None


def _to_bytes(p: FileParams, length: int) -> bytes:
    """The content as it goes behind `length` bytes: a byte order mark belongs at the start of a file only."""
    text = to_text(p.content)
    if p.encoding == BASE64:
        return _from_base64(text)
    encoder = codecs.getincrementalencoder(p.encoding)()
    if length:
        encoder.setstate(0)
    try:
        return encoder.encode(text, final=True)
    except UnicodeError as error:
        fix = "use utf-8, which can write every character"
        raise FinalError("cannot_encode", f"'content' cannot be written: {error}", fix=fix) from None


def _done(path: Path, p: FileParams, execution: ExecutionInput, access: disk.Access) -> Any:
    if p.operation == "read":
        return _read(path, p.encoding, access)
    if p.operation == "delete":
        return _delete(path, access)
    return _put(path, p, execution, access)


def _read(path: Path, encoding: str, access: disk.Access) -> str:
    # A step's result is JSON, so base64 has room for fewer bytes.
    most = (RESULT_BYTES_MAX - 2) // 4 * 3 if encoding == BASE64 else RESULT_BYTES_MAX
    _require_file(path, access)
    with os.fdopen(access.open(path, os.O_RDONLY), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        fix = "split the file, or hand on its path instead of its content"
        raise FinalError("file_too_large", f"the file has more than {most} bytes, the limit", str(path), fix)
    if encoding == BASE64:
        return base64.b64encode(content).decode()
    try:
        return content.decode(encoding)
    except UnicodeError as error:
        fix = "name the encoding of the file, or read it as base64"
        raise FinalError("cannot_decode", f"the file is not {encoding} text: {error}", str(path), fix) from None


def _put(path: Path, p: FileParams, execution: ExecutionInput, access: disk.Access) -> dict[str, Any]:
    with contextlib.suppress(FileNotFoundError):
        _require_file(path, access)
    content = _to_bytes(p, 0)  # refused before anything is touched
    if p.operation == "append":
        written = disk.append_once(path, execution.idempotency_key, partial(_to_bytes, p), access)
        return {"path": str(path), "bytes": written}
    # An attempt that ran out of time may still be writing in its thread, so each has a temporary file of its own.
    disk.replace(path, content, f"{execution.idempotency_key}:{execution.attempt}", access=access)
    return {"path": str(path), "bytes": len(content)}


def _delete(path: Path, access: disk.Access) -> dict[str, Any]:
    if stat.S_ISDIR(access.lstat(path).st_mode):
        raise FinalError("not_a_file", "it is a folder", str(path), "name a file; folders are not deleted")
    disk.remove(path, access)
    return {"path": str(path), "deleted": True}


# What the system refuses.

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = (
    "permission_denied",
    "the user of this process may not do that to the file or in its folder",
    "change the permissions, or use another path",
)
_FINAL = {
    errno.ENOTDIR: ("not_found", "part of the path is a file, not a folder", "check 'file_path'"),
    errno.EISDIR: ("not_a_file", "it is a folder", "name a file"),
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: ("read_only", "the disk is read-only", "use another path, or mount it for writing"),
    errno.ENAMETOOLONG: ("invalid_path", "the path, or a name in it, is too long", "use a shorter one"),
    errno.ELOOP: ("invalid_path", "the links on this path lead in a circle", "check 'file_path'"),
}


def _explained(error: OSError, path: Path, operation: str) -> SyncaraError:
    """The error for people. What may be otherwise at the next attempt, such as a full disk, is tried again."""
    where = str(path)
    if error.errno == errno.ENOENT and operation != "read":
        message = f"there is no folder '{path.parent}'"
        return FinalError("no_folder", message, where, "make it, or set 'create_folders'")
    if error.errno == errno.ENOENT:
        fix = "check 'file_path'; a relative path starts in the workspace folder, an assistant's in its chat's folder"
        return FinalError("not_found", "there is no such file", where, fix)
    if error.errno in _FINAL:
        code, message, fix = _FINAL[error.errno]
        return FinalError(code, message, where, fix)
    if error.errno in _NO_ROOM:
        message = f"there is no room: {os.strerror(error.errno)}; nothing was changed"
        return SyncaraError("disk_full", message, where, "free some space, or raise the quota or limit")
    return SyncaraError("io_error", f"{operation} failed: {error.strerror}", where, "look at the disk")
