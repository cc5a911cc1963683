"""Bytes onto the disk so that the end of the process, or of the machine, leaves no half of them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from syncara.handlers.failures import FinalError

OWN = ".syncara-"
"""How the names of the files begin that lie here beside the user's."""
APPENDS_KEPT = 256
"""Finished appends that a file's record remembers: far more than can be waiting for their commit at any one time."""


_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind(status: os.stat_result) -> str:
    return _KINDS[stat.S_IFMT(status.st_mode)]


class Access:
    """How files are reached: by their paths, links followed. `rooted.InFolder` is the way that leads nowhere else."""

    def open(self, path: Path, flags: int) -> int:
        return os.open(path, flags, 0o666)

    def stat(self, path: Path) -> os.stat_result:
        return path.stat()

    def lstat(self, path: Path) -> os.stat_result:
        return path.lstat()

    def is_writable(self, path: Path) -> bool:
        return os.access(path, os.W_OK, effective_ids=True)

    def rename(self, path: Path, target: Path) -> None:
        path.rename(target)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def sync_folder(self, path: Path) -> None:
        """Make the names in the file's folder durable."""
        _sync_names(path.parent)


BY_PATH = Access()


def replace(path: Path, content: bytes, token: str, mode: int | None = None, access: Access = BY_PATH) -> None:
    """Make `content` the whole of the file `path`. Whoever reads it finds the old content or the new, never a mix.

    token: names the temporary file in the same folder; a repeat of the token takes over one that a crash left there.
    mode: the permissions; by default those of the file that is replaced, or what the process gives to new files.
    """
    temporary = path.with_name(f"{OWN}{_digest(token)}.tmp")
    with contextlib.suppress(FileNotFoundError):
        access.unlink(temporary)
    try:
        _write_new(temporary, content, _mode_of(path, access) if mode is None else mode, access)
        access.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            access.unlink(temporary)
        raise
    access.sync_folder(path)


def _mode_of(path: Path, access: Access) -> int | None:
    """The permissions of the file; None when there is no file."""
    try:
        mode = stat.S_IMODE(access.stat(path).st_mode)
    except FileNotFoundError:
        return None
    if not access.is_writable(path):  # a rename would not ask
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return mode


def _write_new(path: Path, content: bytes, mode: int | None, access: Access) -> None:
    descriptor = access.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        _write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _sync_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_names(descriptor)
    finally:
        os.close(descriptor)


def sync_names(folder: int) -> None:
    """Make the names in an open folder durable."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems have nothing to sync here
            raise


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):  # somebody else was faster, or a file is there, which shows later
        folder.mkdir()
    _sync_names(folder.parent)


def remove(path: Path, access: Access = BY_PATH) -> None:
    """Delete a file, with the record of its appends. Raises FileNotFoundError."""
    access.unlink(path)
    with contextlib.suppress(FileNotFoundError):
        access.unlink(_record_of(path))
    access.sync_folder(path)


# Appending once. Beside the file lies a record: the append begun last, with its place and its content, and the keys of
# those before it. It is written before the file is touched, so whoever comes next, a repeat of the same key or another
# one, finds the append whole, or torn and to be cut off, or not begun. What matches neither was written by others in
# the meantime and stays. The record lies beside the file because there it shares the file's fate: it is on the same
# disk, every process that appends finds it, and `remove` takes it away.


class _Append(msgspec.Struct):
    key: str
    inode: int
    base: int
    """The file's length before this append."""
    content: bytes


class _Record(msgspec.Struct):
    done: list[str] = []
    """The keys of finished appends, newest last."""
    last: _Append | None = None


def append_once(path: Path, key: str, content: Callable[[int], bytes], access: Access = BY_PATH) -> int:
    """Append `content(length of the file)` and return its size; nothing is appended for a key that was before."""
    digest = _digest(key)
    with _locked(path, access) as descriptor:
        record = _load(path, access)
        _settle(record, descriptor)
        now = os.fstat(descriptor)
        new = content(now.st_size)
        if digest in record.done:
            return len(new)
        record.last = _Append(digest, now.st_ino, now.st_size, new)
        # This makes the file's own name durable too, where it is new.
        replace(_record_of(path), msgspec.json.encode(record), path.name, stat.S_IMODE(now.st_mode), access)
        try:
            _write_all(descriptor, new)
            os.fsync(descriptor)
        except OSError:
            _cut(record.last, descriptor)
            raise
        return len(new)


@contextlib.contextmanager
def _locked(path: Path, access: Access) -> Iterator[int]:
    """The file, opened for this append alone: attempts in other threads and processes wait."""
    while True:
        descriptor = access.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, path, access):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path, access: Access) -> bool:
    """Whether the open file still has that name; it may have been replaced or deleted before the lock was got."""
    try:
        return os.path.samestat(os.fstat(descriptor), access.stat(path))
    except FileNotFoundError:
        return False


def _settle(record: _Record, descriptor: int) -> None:
    """Find out what became of the append begun last, and cut it off if it is torn."""
    last = record.last
    if last is None:
        return
    if os.pread(descriptor, len(last.content), last.base) == last.content:
        os.fsync(descriptor)
        record.done = [*record.done, last.key][-APPENDS_KEPT:]
    else:
        _cut(last, descriptor)


def _cut(append: _Append, descriptor: int) -> None:
    """Cut the file back to where the append began, if nothing but its bytes, or zeros in their place, follow there."""
    if os.fstat(descriptor).st_ino != append.inode:
        return
    tail = os.pread(descriptor, len(append.content) + 1, append.base)
    ours = len(tail) <= len(append.content) and all(
        there in (0, meant) for there, meant in zip(tail, append.content, strict=False)
    )
    if tail and ours:
        os.ftruncate(descriptor, append.base)
        os.fsync(descriptor)


def _record_of(path: Path) -> Path:
    return path.with_name(f"{OWN}{_digest(path.name)}.appends")


def _load(path: Path, access: Access = BY_PATH) -> _Record:
    record = _record_of(path)
    try:
        with os.fdopen(access.open(record, os.O_RDONLY), "rb") as file:
            return msgspec.json.decode(file.read(), type=_Record)
    except FileNotFoundError:
        return _Record()
    except msgspec.DecodeError as error:
        raise FinalError(
            "damaged_record",
            f"the record of appends to '{path}' cannot be read: {error}",
            str(record),
            "delete it; an append that was interrupted may then be there twice",
        ) from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
