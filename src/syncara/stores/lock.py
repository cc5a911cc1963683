"""The runner's lock: one process at a time runs the workflows of a database."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

from syncara.core.errors import DatabaseBusy, StorageError

PROBE_S = 0.01


class RunnerLock:
    """A kernel lock on `<database>.lock`; the kernel drops it when the process ends, however it ends.

    The file is never removed: a process that waits to create it anew would lock a different file.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._path = f"{database}.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock or raise DatabaseBusy, which names the holder."""
        try:
            with contextlib.ExitStack() as on_failure:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
                on_failure.callback(os.close, descriptor)
                self._lock(descriptor)
                on_failure.pop_all()
        except OSError as error:
            fix = "make the file and its folder writable for this user, on a disk of this machine"
            raise StorageError("cannot_lock", f"{error.strerror}", self._path, fix) from error
        self._descriptor = descriptor
        _write_pid(descriptor)

    def _lock(self, descriptor: int) -> None:
        for last in (False, True):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if last:
                    raise DatabaseBusy(self._database, _pid_in(descriptor)) from None
                time.sleep(PROBE_S)  # it may have been somebody who only looked whether there is a runner
            else:
                return

    def release(self) -> None:
        """Drop the lock; without one, do nothing."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            # Said outright, because a forked child may still hold the descriptor.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _write_pid(descriptor: int) -> None:
    # The number only serves a message: on a full disk the lock is as good without it.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)


def _pid_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else None
