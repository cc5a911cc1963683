"""Every error Syncara raises on purpose, in one shape: what, where, why, the next move.

    SyncaraError(code, message, where, fix, example)
     +-- NotFoundError        no workflow, execution or step of that name or id
     +-- ValidationError      carries .problems: everything that is wrong, not just the first thing
     +-- ConditionError       a condition outside the language; carries .column
     +-- InvalidStateError    the call is right, but not now
     +-- ApprovalError        an approval that cannot be given, or not by them, or not any more
     +-- StorageError         the database refused a transaction (disk full, I/O error, read-only)
          +-- DatabaseBusy    another process runs this database; carries .pid
          +-- DamagedError    a journal whose checksums do not hold

NonRetryableError stands apart: handlers raise it, to say that trying again is useless.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from itertools import islice

import msgspec

NEAREST_OF_MAX = 200
"""The most names that are searched for the nearest one."""
NEAREST_TO_MAX = 20
"""The most wrong names for which one check searches the nearest."""
SHOWN_MAX = 30


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong, said so that a person or a model can put it right."""

    code: str
    """A stable identifier such as `unknown_handler`."""
    where: str
    """The place: `step 'Send Welcome', field 'handler'`."""
    message: str
    fix: str = ""
    """The next move, as an instruction."""
    example: str = ""
    """A corrected version, ready to paste."""

    def __str__(self) -> str:
        text = f"{self.code}: {self.where}: {self.message}" if self.where else f"{self.code}: {self.message}"
        if self.fix:
            text += f" ({self.fix})"
        return f"{text} Example: {self.example}" if self.example else text


class SyncaraError(Exception):
    """The base of every error below. `str()` of it is the whole story on one line."""

    def __init__(self, code: str, message: str, where: str = "", fix: str = "", example: str = "") -> None:
        self.problem = Problem(code=code, where=where, message=message, fix=fix, example=example)
        super().__init__(str(self.problem))

    @property
    def code(self) -> str:
        return self.problem.code

    @property
    def message(self) -> str:
        return self.problem.message

    @property
    def where(self) -> str:
        return self.problem.where

    @property
    def fix(self) -> str:
        return self.problem.fix

    @property
    def example(self) -> str:
        return self.problem.example


class NotFoundError(SyncaraError):
    """Nothing has that id or name."""


class InvalidStateError(SyncaraError):
    """The call is well formed but cannot be taken in the present state."""


class ValidationError(SyncaraError):
    """Input that cannot be taken. `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(first.code, first.message, first.where, first.fix, first.example)
        if len(self.problems) > 1:
            lines = "\n".join(f"  {n}. {problem}" for n, problem in enumerate(self.problems, 1))
            self.args = (f"{len(self.problems)} problems:\n{lines}",)


class ConditionError(SyncaraError):
    """A condition that the condition language does not take. `column` counts from 1."""

    def __init__(self, code: str, message: str, column: int = 1, fix: str = "", example: str = "") -> None:
        self.column = column
        super().__init__(code, message, f"column {column}", fix, example)


class StorageError(SyncaraError):
    """The database did not take a transaction; nothing of it happened (`connection_lost` alone: nobody knows)."""


class DatabaseBusy(StorageError):
    """Another process is the runner of this database. `pid` names it, where known."""

    def __init__(self, path: str, pid: int | None) -> None:
        self.pid = pid
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            "database_busy",
            f"{holder} already runs the workflows of this database",
            where=path,
            fix="stop that process, or give this one a database of its own; reading and defining work beside it",
        )


class DamagedError(StorageError):
    """A journal that does not match its checksums. The execution is set aside; the others run."""


class ApprovalError(SyncaraError):
    """An answer that cannot be taken. Its code is not_found, expired, used, not_allowed or plan_changed."""


class NonRetryableError(Exception):
    """Raise it in a handler when another attempt cannot help: the step fails at once."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'?` for the closest of the first `known`, or an empty string when nothing is close."""
    found = difflib.get_close_matches(word, list(islice(known, NEAREST_OF_MAX)), n=1, cutoff=0.6)
    return f"Did you mean '{found[0]}'?" if found else ""


class Names:
    """What a check knows of one kind, for the fixes of names that are wrong; there may be very many of both."""

    def __init__(self, kinds: str, known: Collection[str]) -> None:
        self.known = known
        self._all = f"the {kinds} are " + ", ".join(islice(known, SHOWN_MAX))
        self._found: dict[str, str] = {}

    def nearest(self, wrong: str) -> str:
        """As `nearest`, while not too many wrong names were asked for before this one."""
        if wrong not in self._found and len(self._found) < NEAREST_TO_MAX:
            self._found[wrong] = nearest(wrong, self.known)
        return self._found.get(wrong, "")

    def fix(self, wrong: str, *, besides: str = "") -> str:
        """The nearest name, or else those that there are; the name `besides` is not meant."""
        near = self.nearest(wrong)
        return self._all if not near or (besides and f"'{besides}'" in near) else near
