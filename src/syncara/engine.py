"""What exists once the database is open, wired together; the only file that knows concrete classes."""

from __future__ import annotations

import getpass
import logging
import os
import time
import weakref
from collections import ChainMap
from collections.abc import Collection, Mapping, MutableMapping
from os import PathLike
from pathlib import Path
from typing import Any

from syncara import settings
from syncara.abc import Clock, Documents, Handler, Messenger, Notifier, ShortcodeFunction, Store
from syncara.answers import Form, Language
from syncara.commands.desk import Desk
from syncara.core.errors import ValidationError
from syncara.core.graph import Plan
from syncara.documents import open_documents
from syncara.documents.embedded import EmbeddedDocuments
from syncara.handlers import basic, communication, context, data, files, rooted, web
from syncara.handlers.registry import Handlers
from syncara.policy import policy as rules
from syncara.policy.approvals import OPERATOR, Approvals
from syncara.policy.auditor import Audit, Auditor
from syncara.policy.gate import Gate
from syncara.policy.preview import Preview, preview
from syncara.policy.secrets import Secrets
from syncara.processor import Processor
from syncara.runtimes.lifecycle import Lifecycle
from syncara.runtimes.local import LocalRuntime
from syncara.shortcodes.announce import Announcer
from syncara.shortcodes.reply import Replies
from syncara.stores.sqlite import SqliteStore
from syncara.templates.registry import Templates

logger = logging.getLogger("syncara")

Given = Mapping[str, Any]
"""What MultiStepProcessor was given, by name; None means: not given."""


class SystemClock:
    def now(self) -> float:
        return time.time()


class Engine:
    """Everything that exists once the database is open."""

    def __init__(
        self,
        given: Given,
        handlers: Handlers,
        templates: Templates,
        shortcodes: MutableMapping[str, ShortcodeFunction],
        data_shortcodes: Collection[str],
    ) -> None:
        """data_shortcodes: those of `shortcodes` whose params are data."""
        self.chosen = _settings(given)
        secrets = Secrets(settings.secrets(self.chosen.secrets))
        clock: Clock = given.get("clock") or SystemClock()
        hands_off = bool(given.get("hands_off"))
        self.messenger: Messenger = given.get("messenger") or communication.ConsoleMessenger()
        known = ChainMap(shortcodes, communication.shortcodes(self.messenger))
        policy, roots = _policy(given, self.chosen)
        self.gate = Gate(policy, handlers.declares, data_shortcodes.__contains__, secrets.names, roots)
        self._open(given)
        handlers.install(
            [
                *basic.handlers(given.get("notifier") or _notifier(self.chosen.notify)),
                *context.HANDLERS,
                *communication.handlers(self.messenger, known),
                *self._outside(secrets),
            ]
        )
        for problem in rules.unknown_names(policy, handlers.names(), known, secrets.names):
            logger.warning("the policy names what is not there, at least not yet: %s", problem)
        store = self.store
        self.runtime = LocalRuntime(
            store, handlers.get, self._plan, clock, guard=self.gate, auditor=Auditor(store), hands_off=hands_off
        )
        account = _account() if hands_off else None
        self.processor = Processor(store, handlers, self.runtime, self.messenger, self.gate, clock, account)
        desk = Desk(store, self.processor, self.runtime, handlers, templates, known, self.gate, clock)
        self.approvals = Approvals(store, self.processor.readers, self.runtime, self.gate, clock, account)
        self.audit = Audit(store)
        announcer = Announcer(desk, self.approvals, self.messenger)
        self.runtime.audience.heard = announcer.hear
        self.replies = Replies(desk, self.approvals, announcer if self.chosen.announce else None)
        clean_up = self._clean_up if self.chosen.retention is not None else None
        self.lifecycle = Lifecycle(self.runtime, clean_up, () if hands_off else (self.approvals, announcer))

    def _open(self, given: Given) -> None:
        """The store and the documents, as they were given or chosen."""
        documents = given.get("documents")
        self.own_documents: Documents | None = None
        """To be closed with the engine, because it opened them."""
        if isinstance(documents, str) or documents is None:
            documents = self.own_documents = open_documents(self.chosen.documents) if self.chosen.documents else None
        store: Store | None = given.get("store")
        if store is None:
            read_only = bool(given.get("read_only"))
            store = sqlite = SqliteStore(self.chosen.database, durability=self.chosen.durability, read_only=read_only)
            documents = documents or EmbeddedDocuments(sqlite.file)
        self.store = store
        self.documents: Documents | None = documents
        self.close = weakref.finalize(self, store.close)
        """Also called at exit, so that a script that just ends leaves the write-ahead log folded into the database."""

    def _outside(self, secrets: Secrets) -> list[Handler]:
        """The handlers whose reach depends on who wrote the workflow."""
        gate = self.gate
        return [
            *(data.handlers(self.documents, gate.scope) if self.documents is not None else ()),
            *files.handlers(self.chosen.workspace, gate.roots),
            *web.handlers(guard=gate.public_web, secrets=secrets, may_use=gate.secret),
        ]

    def preview(
        self,
        workflow_id: str,
        context: dict[str, Any],
        chat_id: Any,
        user_id: Any,
        language: Language | None,
        form: Form,
    ) -> Preview:
        if problems := self.processor.validate(workflow_id):
            raise ValidationError(problems)
        workflow = self.processor.get_workflow(workflow_id)
        where = workflow.chat_id if chat_id is None else chat_id
        judgement = self.gate.plan(workflow, context, None, where, user_id)
        return preview(workflow, judgement, language or self.replies.language(where), form)

    def _clean_up(self) -> None:
        if self.chosen.retention is not None:
            self.processor.cleanup(self.chosen.retention)

    def _plan(self, workflow_id: str, steps: int) -> Plan:
        return self.processor.plans.get(workflow_id, steps)


def _settings(given: Given) -> settings.Settings:
    names = ("database", "durability", "retention", "workspace", "announce", "secrets")
    plain = {name: given.get(name) for name in names}
    # Documents and a policy can also be given as objects, which are no settings.
    for name in ("documents", "policy"):
        value = given.get(name)
        plain[name] = value if isinstance(value, str | PathLike) else None
    return settings.load(plain)


def _policy(given: Given, chosen: settings.Settings) -> tuple[rules.Policy, dict[str, rooted.Root]]:
    """The policy that was given or chosen, and its shared roots by their paths.

    Raises ValidationError with everything that is wrong in it.
    """
    policy = given.get("policy")
    if not isinstance(policy, rules.Policy):
        policy = rules.Policy() if chosen.policy is None else rules.load(chosen.policy)
    workspace = (chosen.workspace or files.WORKSPACE).absolute()
    apart = _apart(given, chosen, workspace)
    roots = rules.shared_roots(policy, workspace, apart)
    if problems := rules.misplaced_roots(policy, roots, apart):
        raise ValidationError(problems)
    return policy, roots


def _apart(given: Given, chosen: settings.Settings, workspace: Path) -> dict[str, Path]:
    """What no root may lead to, by name; real paths."""
    documents = given.get("documents")
    found = {
        "the chats' own folders": workspace / rooted.CHATS,
        "the database": getattr(given.get("store"), "path", chosen.database),
        "the file of the documents": documents.path if isinstance(documents, EmbeddedDocuments) else None,
        "the policy file": chosen.policy,
        "the file of secrets": chosen.secrets,
    }
    return {name: Path(os.path.realpath(path)) for name, path in found.items() if path is not None}


def _account() -> str:
    """Under which a command in a terminal runs."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # it has no name
        return OPERATOR


def _notifier(urls: str | None) -> Notifier:
    if urls is None:
        return basic.LogNotifier()
    from syncara.handlers.notify import AppriseNotifier  # noqa: PLC0415 - an extra, which loads slowly

    return AppriseNotifier(urls)
