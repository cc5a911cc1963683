"""What exists once the database is open, wired together; the only file that knows concrete classes."""

from __future__ import annotations

import time
import weakref
from collections import ChainMap
from collections.abc import Collection, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from syncara import settings
from syncara.abc import Clock, Documents, Notifier, ShortcodeFunction, Store
from syncara.core.errors import ValidationError
from syncara.core.graph import Plan
from syncara.handlers.basic import LogNotifier
from syncara.handlers.registry import Handlers
from syncara.processor import Processor
from syncara.templates.registry import Templates

if TYPE_CHECKING:
    from syncara.answers import Form, Language
    from syncara.policy.preview import Preview


class SystemClock:
    def now(self) -> float:
        return time.time()


class Engine:
    """Everything that exists once the database is open."""

    def __init__(
        self,
        given: Mapping[str, Any],
        handlers: Handlers,
        templates: Templates,
        shortcodes: MutableMapping[str, ShortcodeFunction],
        data_shortcodes: Collection[str],
    ) -> None:
        """`given`: what MultiStepProcessor was given, by name; None means: not given.

        data_shortcodes: those of `shortcodes` whose params are data.
        """
        from syncara.commands.desk import Desk  # noqa: PLC0415
        from syncara.documents import open_documents  # noqa: PLC0415 - importing the package does no work
        from syncara.documents.embedded import EmbeddedDocuments  # noqa: PLC0415
        from syncara.handlers import basic, communication, context, data, files, web  # noqa: PLC0415
        from syncara.policy.addresses import PublicWeb  # noqa: PLC0415
        from syncara.policy.approvals import Approvals  # noqa: PLC0415
        from syncara.policy.auditor import Auditor  # noqa: PLC0415
        from syncara.policy.gate import Gate  # noqa: PLC0415
        from syncara.policy.policy import Policy, load  # noqa: PLC0415
        from syncara.policy.secrets import Secrets  # noqa: PLC0415
        from syncara.runtimes.lifecycle import Lifecycle  # noqa: PLC0415
        from syncara.runtimes.local import LocalRuntime  # noqa: PLC0415
        from syncara.shortcodes.announce import Announcer  # noqa: PLC0415
        from syncara.shortcodes.reply import Replies  # noqa: PLC0415
        from syncara.stores.sqlite import SqliteStore  # noqa: PLC0415

        where = given.get("documents")
        named = {"documents": where if isinstance(where, str) else None}
        plain = ("database", "durability", "retention", "workspace", "announce", "secrets")
        policy = given.get("policy")
        named["policy"] = None if isinstance(policy, Policy) else policy
        chosen = settings.load({**{name: given.get(name) for name in plain}, **named})
        secrets = Secrets(settings.secrets(chosen.secrets))
        clock: Clock = given.get("clock") or SystemClock()
        store: Store | None = given.get("store")
        documents: Documents | None = None if isinstance(where, str) else where
        self.own_documents: Documents | None = None
        if documents is None and chosen.documents is not None:
            documents = self.own_documents = open_documents(chosen.documents)
        if store is None:
            read_only = bool(given.get("read_only"))
            sqlite = SqliteStore(chosen.database, durability=chosen.durability, read_only=read_only)
            documents = documents or EmbeddedDocuments(sqlite.file)
            store = sqlite
        messenger = given.get("messenger") or communication.ConsoleMessenger()
        known = ChainMap(shortcodes, communication.shortcodes(messenger))
        if not isinstance(policy, Policy):
            policy = Policy() if chosen.policy is None else load(chosen.policy)
        self.gate = Gate(policy, handlers.declares, data_shortcodes.__contains__)
        handlers.install(
            [
                *basic.handlers(given.get("notifier") or _notifier(chosen.notify)),
                *context.HANDLERS,
                *communication.handlers(messenger, known),
                *(data.handlers(documents, self.gate.scope) if documents is not None else ()),
                *files.handlers(chosen.workspace),
                *web.handlers(guard=lambda execution: PublicWeb(), secrets=secrets),
            ]
        )
        self.store = store
        self.documents = documents
        hands_off = bool(given.get("hands_off"))
        self.runtime = LocalRuntime(
            store, handlers.get, self._plan, clock, guard=self.gate, auditor=Auditor(store), hands_off=hands_off
        )
        self.processor = Processor(store, handlers, self.runtime, messenger, self.gate, clock)
        desk = Desk(store, self.processor, self.runtime, handlers, templates, known, self.gate, clock)
        self.approvals = Approvals(store, self.processor.readers, self.runtime, self.gate, clock)
        announcer = Announcer(desk, self.approvals, messenger)
        self.runtime.audience.heard = announcer.hear
        self.replies = Replies(desk, self.approvals, announcer if chosen.announce else None)
        clean_up = self._clean_up if chosen.retention is not None else None
        self.lifecycle = Lifecycle(self.runtime, clean_up, () if hands_off else (self.approvals, announcer))
        self.retention = chosen.retention
        self.close = weakref.finalize(self, store.close)
        """Also called at exit, so that a script that just ends leaves the write-ahead log folded into the database."""

    def preview(
        self, workflow_id: str, context: dict[str, Any], chat_id: Any, user_id: Any, manner: tuple[Language, Form]
    ) -> Preview:
        from syncara.policy.preview import preview  # noqa: PLC0415

        if problems := self.processor.validate(workflow_id):
            raise ValidationError(problems)
        workflow = self.processor.get_workflow(workflow_id)
        where = workflow.chat_id if chat_id is None else chat_id
        return preview(workflow, self.gate.plan(workflow, context, None, where, user_id), *manner)

    def _clean_up(self) -> None:
        if self.retention is not None:
            self.processor.cleanup(self.retention)

    def _plan(self, workflow_id: str, steps: int) -> Plan:
        return self.processor.plan(workflow_id, steps)


def _notifier(urls: str | None) -> Notifier:
    if urls is None:
        return LogNotifier()
    from syncara.handlers.notify import AppriseNotifier  # noqa: PLC0415 - an extra, which loads slowly

    return AppriseNotifier(urls)
