"""What a processor is given, the engine that it opens with it at first use, and its life: start, stop, close."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Self

from syncara import settings
from syncara.abc import Clock, Documents, Messenger, Notifier, ShortcodeFunction, Store
from syncara.core.errors import InvalidStateError
from syncara.handlers.registry import Handlers
from syncara.policy.policy import Policy
from syncara.templates.builtin import BUILTIN
from syncara.templates.registry import Templates

if TYPE_CHECKING:
    from syncara.engine import Engine
    from syncara.processor import Processor


class Opening:
    """The half of MultiStepProcessor that everything else it does rests on."""

    def __init__(
        self,
        database: str | os.PathLike[str] | None = None,
        *,
        messenger: Messenger | None = None,
        documents: Documents | str | None = None,
        notifier: Notifier | None = None,
        durability: settings.Durability | None = None,
        retention: float | None = None,
        workspace: str | os.PathLike[str] | None = None,
        announce: bool | None = None,
        policy: Policy | str | os.PathLike[str] | None = None,
        secrets: str | os.PathLike[str] | None = None,
        read_only: bool = False,
        hands_off: bool = False,
        store: Store | None = None,
        clock: Clock | None = None,
    ) -> None:
        """What is not given comes from the environment (see syncara.settings), then from the defaults.

        database: the SQLite file; default `syncara.db`. documents: an implementation, or a `mongodb://` URL; default:
        collections in the database file. durability: `full` survives power loss, `fast` only kill -9. retention:
        seconds that finished runs are kept; the default keeps them until `cleanup`. workspace: the folder of relative
        paths in file_operation; default `workspace`. announce: tell a chat how the runs that its replies started end,
        and when one waits for someone; default True. policy: what an assistant may do, a Policy or the path of its TOML
        file; default: what is safe in any chat. secrets: a TOML file with secrets for the headers of calls. read_only:
        the database must exist, and everything that would change it raises StorageError. hands_off: runs can be
        steered, but none of their steps runs here; for tools that reach into the database of a bot that is down. store
        and clock: replacements, for tests.
        """
        self._given = _without_self(locals())
        self._handlers = Handlers()
        self._templates = Templates(BUILTIN)
        self._shortcodes: dict[str, ShortcodeFunction] = {}
        self._data_shortcodes: set[str] = set()
        self._opening = threading.Lock()
        self._opened: Engine | None = None

    def configure(
        self,
        *,
        database: str | os.PathLike[str] | None = None,
        messenger: Messenger | None = None,
        documents: Documents | str | None = None,
        notifier: Notifier | None = None,
        durability: settings.Durability | None = None,
        retention: float | None = None,
        workspace: str | os.PathLike[str] | None = None,
        announce: bool | None = None,
        policy: Policy | str | os.PathLike[str] | None = None,
        secrets: str | os.PathLike[str] | None = None,
        read_only: bool | None = None,
        hands_off: bool | None = None,
    ) -> None:
        """Set what the constructor takes, before first use. Raises InvalidStateError once the database is open."""
        given = _without_self(locals())
        if self._opened is not None:
            fix = "call configure before the first workflow is made"
            raise InvalidStateError("already_open", "the database is open already", "configure", fix)
        self._given.update({name: value for name, value in given.items() if value is not None})

    @property
    def _engine(self) -> Engine:
        engine = self._opened
        if engine is None:
            with self._opening:
                if self._opened is None:
                    from syncara.engine import Engine  # noqa: PLC0415 - with it comes everything

                    self._opened = Engine(
                        self._given, self._handlers, self._templates, self._shortcodes, self._data_shortcodes
                    )
                engine = self._opened
        return engine

    @property
    def _processor(self) -> Processor:
        return self._engine.processor

    # Life.

    async def start(self) -> None:
        """Become the runner of the database and take up its open runs. Raises DatabaseBusy beside another runner."""
        self._engine.lifecycle.start()

    async def stop(self) -> None:
        """Interrupt what runs and close the database. The runs go on at the next start."""
        engine = self._opened
        if engine is not None:
            engine.lifecycle.require_own_loop()
            try:
                await engine.lifecycle.stop()
            finally:
                engine.close()
                if self._opened is engine:
                    self._opened = None
                if engine.own_documents is not None:
                    await engine.own_documents.close()

    def close(self) -> None:
        """Close the database where it was only read or defined in; what runs is stopped with `await stop()`.

        Raises InvalidStateError while this processor is the runner.
        """
        if self._opened is not None and self._opened.runtime.running:
            raise InvalidStateError("running", "this processor runs workflows", "close", "use `await stop()`")
        engine, self._opened = self._opened, None
        if engine is not None:
            engine.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def _started(self) -> Processor:
        engine = self._engine
        engine.lifecycle.start()
        return engine.processor

    @property
    def documents(self) -> Documents:
        """The collections that `database_operation` works on. Raises InvalidStateError when there are none."""
        documents = self._engine.documents
        if documents is None:
            raise InvalidStateError("no_documents", "this processor has no documents", "documents", "pass documents=")
        return documents


def _without_self(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a method, by name, from what `locals()` gives at its start."""
    return {name: value for name, value in given.items() if name != "self"}
