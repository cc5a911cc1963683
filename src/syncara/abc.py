"""What can be replaced: Store, Documents, Messenger, Notifier, and the shape of a handler.

The contract of each is its docstring; `tests/contract` holds every implementation to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from syncara.core.errors import Problem
from syncara.core.events import Covered
from syncara.core.model import Author, Step, Workflow

T = TypeVar("T")


class Summary(msgspec.Struct, gc=False):
    """The row that lists an execution without reading its journal. Times are Unix seconds."""

    key: int
    """The execution's number in this database; the journal goes by it."""
    id: str
    workflow_id: str
    workflow_name: str
    status: str
    user_id: Any = None
    chat_id: Any = None
    message_id: Any = None
    idempotency_key: str | None = None
    created_at: float = 0.0
    finished_at: float | None = None
    wake_at: float | None = None
    """When the next tick of a parked execution is due."""
    parked: bool = False
    """True: nothing is under way but timers, so a restart needs no look at the journal before `wake_at`."""
    progress: float = 0.0
    error: str | None = None


class Entry(NamedTuple):
    """What one transaction adds to one execution's journal."""

    key: int
    seq: int
    """The number of the first event in `body`; an execution's events count from 0 without a gap."""
    events: int
    body: bytes
    """Them, as a JSON array."""
    checksum: int
    """CRC-32 of `body`, chained from the entry before (see core/journal.py)."""
    summary: Summary | None
    """The execution's new summary, or None when the stored one stays true."""


class Row(NamedTuple):
    """One stored journal entry."""

    seq: int
    events: int
    body: bytes
    checksum: int


class NewWorkflow(NamedTuple):
    """Add a definition with its steps."""

    workflow: Workflow


class NewSteps(NamedTuple):
    """Append steps to a definition."""

    workflow_id: str
    steps: Sequence[Step]
    after: int
    """How many steps the definition must have; refused with StorageError code `conflict` when it has others by now."""


class HideWorkflow(NamedTuple):
    """Delete a definition; open executions keep it."""

    workflow_id: str


class Record(NamedTuple):
    """A small thing that the layers above keep, and that must be written together with events: a receipt, an approval.

    Unlike events it can be replaced: `(kind, key)` names it. `body` None deletes it.
    """

    kind: str
    key: str
    at: float
    """Unix time; records of the kinds `receipt` and `approval` are cleaned up by it, as executions are."""
    body: bytes | None


Change = NewWorkflow | NewSteps | HideWorkflow | Record


class Unsealed(NamedTuple):
    """An entry of the audit before it is chained to the one before it: the runtime does that when it is written."""

    at: float
    """Unix time."""
    body: bytes
    """As JSON."""


Addition = Change | Unsealed
"""What goes into a transaction of the runtime beside events."""


class Owner(NamedTuple):
    """Whose definitions and executions: those of one chat, or, with None, those without a chat."""

    chat_id: Any


class Chat(NamedTuple):
    """Where a reply stands, and who asked for it."""

    chat_id: Any = None
    user_id: Any = None
    message_id: Any = None

    @property
    def owner(self) -> Owner:
        return Owner(self.chat_id)


class RunnerInfo(NamedTuple):
    epoch: int
    clean: bool
    """Whether the runner before this one stopped in good order."""
    next_key: int
    """The first unused execution number."""


Done = Callable[[BaseException | None], None]


class Store(Protocol):
    """Appends and reads; it decides nothing.

    Everything written together is one durable transaction: all of it or nothing, and after a return (or `done(None)`)
    it survives the death of the process. Reads see committed state only, from any thread. Errors are StorageError.
    """

    # The runner: at most one per database, over all processes.
    def acquire(self) -> RunnerInfo:
        """Become the runner: take the lock, begin a new epoch. Raises DatabaseBusy naming the holder's pid."""

    def release(self, *, clean: bool) -> None:
        """Stop being the runner. `clean` is what the next RunnerInfo says. Waits for transactions under way."""

    def append(
        self, entries: Sequence[Entry], done: Done, *, inline: bool = False, changes: Sequence[Change] = ()
    ) -> None:
        """Write `entries` and `changes` in one transaction, together with whatever else is queued.

        What cannot be made refuses all of this call, and nothing else that is queued: ValidationError code
        `duplicate_step`, NotFoundError (also for an execution whose definition is gone), StorageError code `duplicate`
        or `conflict`.
        `done` is called exactly once, from any thread, with None or the error. With `inline` the store may do it all
        before it returns, on the calling thread, when nothing else is under way and commits have been fast.
        Refused with StorageError code `not_runner` when another runner has begun a newer epoch.
        """

    # Definitions. Each call is one transaction and returns after it.
    def save_workflow(self, workflow: Workflow) -> None:
        """Add a definition with its steps. Raises StorageError code `duplicate` when the id exists."""

    def add_steps(self, workflow_id: str, steps: Sequence[Step]) -> None:
        """Append steps. Raises NotFoundError; raises ValidationError code `duplicate_step` for a name or id in use."""

    def delete_workflow(self, workflow_id: str) -> bool:
        """Hide a definition from `workflow` and `workflows`; open executions keep it (see `pinned`)."""

    def workflow(self, workflow_id: str) -> Workflow | None: ...

    def step_count(self, workflow_id: str) -> int | None:
        """How many steps the definition has now; None when it is not there. Cheap: called at each start."""

    def pinned(self, workflow_id: str, steps: int) -> Workflow | None:
        """The definition as its first `steps` steps, deleted or not."""

    def workflows(
        self, limit: int = 100, offset: int = 0, owner: Owner | None = None, *, name: str | None = None
    ) -> list[Workflow]:
        """Definitions without their steps, newest first; of everyone, or of one owner; all, or those of one name.

        Names are compared exactly, and on disk found by an index.
        """

    # Executions.
    def summary(self, execution_id: str) -> Summary | None: ...

    def summary_of_key(self, idempotency_key: str) -> Summary | None: ...

    def summary_at(self, key: int) -> Summary | None: ...

    def summaries(
        self,
        *,
        status: str | None = None,
        workflow_id: str | None = None,
        owner: Owner | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Summary]:
        """Newest first."""

    def open_summaries(self) -> Iterator[Summary]:
        """Every execution that is not at a final status, oldest first."""

    def rows(self, key: int, from_seq: int = 0) -> list[Row]:
        """The journal entries whose events are numbered `from_seq` or later, in order."""

    def cleanup(self, before: float) -> int:
        """Delete the executions that finished before `before` (Unix seconds), with all that is kept of them.

        Deleted definitions that no execution needs any more go too, and receipts and approvals as old. Returns how many
        executions it were.
        """

    # Records.
    def put(self, record: Record) -> None:
        """Write or delete one, from any process beside the runner; one transaction, and returns after it."""

    def record(self, kind: str, key: str) -> Record | None: ...

    def records(self, kind: str, *, after: str = "", limit: int = 1000, newest_first: bool = False) -> list[Record]:
        """By key, ascending from the first one beyond `after`; with `newest_first` descending from the last."""

    def close(self) -> None: ...


class SqlFile(Protocol):
    """The engine's own SQLite file, for tables that share its transactions (the embedded documents)."""

    async def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run `job` inside a transaction of the writer; returns after the commit. A job that raises is undone alone."""

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run `job` on a read-only connection, off the event loop. Sees committed state."""


class Documents(Protocol):
    """Collections of JSON documents with MongoDB's query and update language, or a stated subset of it.

    `key` is the idempotency key of the step: a write whose key has been seen returns what it returned then, and writes
    nothing (MongoDocuments states where it can promise less). Unknown operators are refused with ValidationError, never
    ignored. `scope` keeps tenants apart: the same collection name in two scopes is two collections.
    """

    async def find(
        self,
        collection: str,
        query: dict[str, Any],
        *,
        sort: Any = None,
        limit: int = 0,
        skip: int = 0,
        projection: Any = None,
        scope: str = "",
    ) -> list[dict[str, Any]]: ...

    async def insert(
        self, collection: str, documents: list[dict[str, Any]], *, key: str | None = None, scope: str = ""
    ) -> dict[str, Any]:
        """`{"inserted_ids": [...]}`; a document without `_id` gets one derived from `key`, or a new one."""

    async def update(
        self,
        collection: str,
        query: dict[str, Any],
        changes: dict[str, Any],
        *,
        many: bool = True,
        upsert: bool = False,
        key: str | None = None,
        scope: str = "",
    ) -> dict[str, Any]:
        """`{"matched": n, "modified": n}`, plus `upserted_id` when one was made. Plain `changes` mean `$set`."""

    async def delete(
        self, collection: str, query: dict[str, Any], *, many: bool = True, key: str | None = None, scope: str = ""
    ) -> dict[str, Any]:
        """`{"deleted": n}`."""

    async def create_index(self, collection: str, field: str, *, unique: bool = False, scope: str = "") -> None: ...

    async def close(self) -> None: ...


class Messenger(Protocol):
    """Carries text to a chat. An implementation that can, drops a repeat of the same `idempotency_key`.

    It may have an attribute `form`: "plain", "markdown" or "html". Everything that it is given is written in that one:
    the texts of steps, escaped, and news and questions. It is read with `getattr`, once; without it, all is plain.
    """

    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> str | int | None:
        """Send `text` (at most 4,096 characters) and return the message's id, where there is one."""

    async def edit(self, chat_id: Any, message_id: Any, text: str, *, idempotency_key: str) -> None: ...

    async def pin(self, chat_id: Any, message_id: Any, *, idempotency_key: str) -> None: ...


class Asker(Protocol):
    """What a Messenger may be able to do beside: ask a person whether a plan may run."""

    async def ask(self, chat_id: Any, text: str, approval_id: str, *, idempotency_key: str) -> bool | None:
        """Show `text` with two buttons. None: whoever presses one is passed on to `approve` or `refuse` later.

        True or False: somebody who may has answered here and now, as on the console.
        """


class Notifier(Protocol):
    """Carries a notification to whoever operates the bot."""

    async def notify(self, message: str, type: str, *, idempotency_key: str) -> None:
        """`type` is info, warning, error or success."""


class StepInput(Protocol):
    """What a handler sees of its step."""

    id: str
    name: str
    params: Any
    """Rendered; a dict, or an instance of the params class that the handler was registered with."""
    written: Mapping[str, Any]
    """As the definition has them."""


class ExecutionInput(Protocol):
    """What a handler sees of its execution."""

    id: str
    workflow_id: str
    context: dict[str, Any]
    """Its own copy; changes are committed with the step's success and dropped with a failed attempt."""
    attempt: int
    idempotency_key: str
    """The same for every retry and every re-run after a crash."""
    user_id: Any
    chat_id: Any
    message_id: Any
    author: Author
    """Who asked for it: what an assistant wrote may do less than what the developer did."""
    approved: bool
    """A person has approved its plan."""
    covers: Covered
    """What of it that is."""

    def steps(self, reads: Iterable[tuple[str, str | None]]) -> dict[str, dict[str, Any]]:
        """`{name: {"status", "data"}}` of the steps that a condition reads (`Condition.reads`)."""


HandlerFunction = Callable[[Any, Any], Any]
ShortcodeFunction = Callable[[str, Any], Awaitable[Any]]


class Handler(NamedTuple):
    """A function that does a step, and how it is to be called."""

    name: str
    fn: HandlerFunction
    """`fn(step: StepInput, execution: ExecutionInput)`; returns JSON, a StepResult, or raises."""
    mode: Literal["direct", "task", "thread"]
    """`direct`: a plain function that returns at once, called on the event loop (built-ins only); `task`: a coroutine
    function, run as an asyncio task; `thread`: a plain function, run in a thread."""
    params: type | None = None
    """A msgspec Struct class that params are converted to before each call."""
    ai: bool = False
    """Whether workflows written by an assistant may use it without a person's approval."""
    check: Callable[[dict[str, Any]], list[Problem]] | None = None
    """Judges params before anything runs. They may still hold placeholders. `where` of a problem names the field."""


class Clock(Protocol):
    def now(self) -> float:
        """Unix time in seconds."""
