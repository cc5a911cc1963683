"""One reply of an assistant, from its text to what the chat reads: all of it happens, once, or nothing."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import msgspec

from syncara import answers
from syncara.abc import Addition, Change, Chat, Record
from syncara.answers import Form, Language
from syncara.commands import available
from syncara.commands.desk import Desk
from syncara.core import views
from syncara.core.errors import Problem, StorageError, ValidationError
from syncara.core.graph import Plan
from syncara.core.model import Workflow
from syncara.core.views import Execution
from syncara.policy.approvals import Approvals, asked, record_of
from syncara.policy.gate import Judgement
from syncara.policy.preview import planned
from syncara.runtimes.local import Boards
from syncara.shortcodes import note, paper, repair, single
from syncara.shortcodes.announce import Announcement, Announcer
from syncara.shortcodes.audit_reply import entries_of, text_hash
from syncara.shortcodes.outcome import Outcome, Reply
from syncara.shortcodes.paper import Paper
from syncara.shortcodes.places import thinking
from syncara.shortcodes.problems import CodeProblem
from syncara.shortcodes.prompt import instructions

RECEIPT = "receipt"
LANGUAGE = "language"
"""The record that says in which language a chat's replies are written."""
MESSAGE_CHANGED = "message_changed"
TRIES_MAX = 3
"""How often a reply is read again because a program changed the same definition meanwhile."""


class _Receipt(msgspec.Struct, frozen=True):
    """What is kept of a reply, so that the same message never acts twice."""

    hash: str
    reply: Reply


class Manner(NamedTuple):
    """How answers are written."""

    language: Language
    form: Form


class Replies:
    def __init__(self, desk: Desk, approvals: Approvals, announcer: Announcer | None) -> None:
        """`announcer`: tells the chat how its runs end; None: nobody does."""
        self._desk = desk
        self._approvals = approvals
        self._announcer = announcer
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def process(self, text: str, chat: Chat, language: Language | None, form: Form) -> Reply:
        """See `MultiStepProcessor.process_reply`."""
        _require_manner(language, form)
        plain = _storable(text)
        return await self._in_turn(chat, lambda: self._carry_out(plain, chat, language, form))

    def check(self, text: str, chat: Chat, language: Language | None, form: Form) -> Reply:
        """See `MultiStepProcessor.check_reply`."""
        _require_manner(language, form)
        text = _storable(text)
        manner = Manner(self._language(text, chat, language) or "en", form)
        stored = self._stored(text, chat, manner)
        if stored is not None:
            return stored
        read = self._reader(chat)
        sheet = read(text)
        if sheet.found:
            return _refused(sheet, repair.complete(sheet, read), manner)
        as_written = tuple(Outcome(call.shortcode, True, None, text[slice(*call.span)]) for call in sheet.calls)
        return Reply(True, _prose(text[_said(text) :], form), as_written, execution_ids=_started(sheet), form=form)

    async def command(
        self,
        shortcode: str,
        fields: Mapping[str, Any],
        chat: Chat,
        language: Language | None,
        form: Form,
        *,
        park: bool,
    ) -> Reply:
        """See `MultiStepProcessor.give_command`. `park`: leave what is started to the next runner."""
        _require_manner(language, form)
        manner = Manner(language or self.language(chat.chat_id), form)
        return await self._in_turn(chat, lambda: self._command(shortcode, fields, chat, manner, park=park))

    async def _in_turn(self, chat: Chat, carry_out: Callable[[], Awaitable[Reply]]) -> Reply:
        """One after another in each chat, and again where a program changed the same definition meanwhile."""
        lock = self._locks.setdefault(_key(chat.chat_id), asyncio.Lock())
        async with lock:
            for tries_left in reversed(range(TRIES_MAX)):
                try:
                    return await carry_out()
                except StorageError as error:
                    if error.code != "conflict" or not tries_left:
                        raise
        raise AssertionError("the loop returns or raises")

    def language(self, chat_id: Any) -> Language:
        """What the chat's replies were written in before; English for a new chat."""
        return self._spoken(chat_id) or "en"

    def prompt(self, chat: Chat, *, long: bool) -> str:
        return instructions(self._desk, chat, long=long)

    def _stored(self, text: str, chat: Chat, manner: Manner) -> Reply | None:
        """What came of this message before; a refusal when it acted with another text."""
        record = None if chat.message_id is None else self._desk.record(RECEIPT, _key(chat.chat_id, chat.message_id))
        if record is None or record.body is None:
            return None
        receipt = msgspec.json.decode(record.body, type=_Receipt)
        if receipt.hash == text_hash(text):
            return receipt.reply
        if not receipt.reply.ok:
            return None
        problem = CodeProblem(
            MESSAGE_CHANGED,
            f"message {chat.message_id}",
            "this message has acted already, with another text",
            "put what is new into a message of its own",
        )
        return _refusal(text, [problem], manner)

    def _reader(self, chat: Chat) -> Callable[[str], Paper]:
        commands = available(self._desk.shortcodes)
        return lambda text: paper.read(text, self._desk, chat, "ai", commands)

    def _language(self, text: str, chat: Chat, asked_for: Language | None) -> Language | None:
        """What was asked for, else what the text is written in, else what the chat's replies were written in before.

        For want of all these, the names and messages in its codes tell. None: nothing does.
        """
        spoken = asked_for or answers.detect_language(text, None) or self._spoken(chat.chat_id)
        return spoken or answers.guess_language(text, None)

    def _spoken(self, chat_id: Any) -> Language | None:
        record = self._desk.record(LANGUAGE, _key(chat_id))
        return None if record is None else msgspec.json.decode(record.body or b"", type=Language)

    def _learned(self, chat: Chat, language: Language | None) -> list[Change]:
        """What is to be written so that the language is remembered."""
        if language is None or chat.chat_id is None or language == self._spoken(chat.chat_id):
            return []
        return [Record(LANGUAGE, _key(chat.chat_id), self._desk.now(), msgspec.json.encode(language))]

    async def _carry_out(self, text: str, chat: Chat, asked_for: Language | None, form: Form) -> Reply:
        language = self._language(text, chat, asked_for)
        manner, learned = Manner(language or "en", form), self._learned(chat, language)
        stored = self._stored(text, chat, manner)
        read = self._reader(chat)
        if stored is not None:
            if not stored.ok and stored.errors[0].code == MESSAGE_CHANGED:
                await self._desk.write(entries_of(read(text), stored))
            return stored
        sheet = read(text)
        if not sheet.found and sheet.calls:
            return await self._commit(sheet, manner, learned)
        if not sheet.found:
            if learned:
                await self._desk.write(learned)
            return Reply(True, _prose(text[_said(text) :], form), form=form)
        if paper.is_barred(sheet):
            learned = []
        refused = _refused(sheet, repair.complete(sheet, read), manner)
        await self._desk.write([*learned, *_receipt(sheet, refused), *entries_of(sheet, refused)])
        return refused

    async def _command(
        self, shortcode: str, fields: Mapping[str, Any], chat: Chat, manner: Manner, *, park: bool
    ) -> Reply:
        commands = available(self._desk.shortcodes)
        sheet = single.carry_out(shortcode, fields, self._desk, chat, commands)
        if commands[shortcode].kind == "reads":
            return _done(sheet, _Look(self._desk, {}, []), manner)
        if park:
            single.park(sheet.draft)
        return await self._commit(sheet, manner, [])

    async def _commit(self, sheet: Paper, manner: Manner, learned: Sequence[Change]) -> Reply:
        """Make all of a draft true in one transaction, and with it what was `learned` of the chat."""
        draft, made = sheet.draft, list[Reply]()
        approvals = [
            asked(start.started, start.sheet.name, start.judgement)
            for start in draft.starts
            if start.judgement is not None and start.judgement.needs_approval
        ]

        def finish(boards: Boards, changed: list[bool]) -> Sequence[Addition]:
            reply = _done(sheet, _Look(self._desk, boards, changed), manner)
            made.append(msgspec.structs.replace(reply, approval_ids=tuple(each.id for each in approvals)))
            kept = [*learned, *_receipt(sheet, made[0]), *(record_of(each, draft.now) for each in approvals)]
            return [*draft.changes(), *kept, *self._announcements(sheet, manner), *entries_of(sheet, made[0])]

        plans = {start.sheet.id: Plan(start.sheet.workflow()) for start in draft.starts}
        starts = [(start.started, plans[start.sheet.id]) for start in draft.starts]
        await self._desk.commit(starts, draft.facts, finish)
        if approvals:
            self._approvals.expect()
        return made[0]

    def _announcements(self, sheet: Paper, manner: Manner) -> list[Change]:
        chat_id = sheet.draft.chat.chat_id
        if chat_id is None or self._announcer is None or sheet.draft.author != "ai":
            return []
        made = [
            (start.started.execution_id, Announcement(chat_id, manner.language, aside=start.aside))
            for start in sheet.draft.starts
        ]
        return self._announcer.owe(made, sheet.draft.now)


class _Look:
    """How things are once the draft is committed: on the boards that the same transaction writes, or on disk."""

    def __init__(self, desk: Desk, boards: Boards, changed: list[bool]) -> None:
        self._desk = desk
        self._boards = boards
        self._changed = changed
        self._seen: dict[str, Execution] = {}
        """What was read already: a reply may ask for one run many times."""

    def execution(self, execution_id: str) -> Execution:
        if execution_id not in self._seen:
            board = self._boards.get(execution_id)
            found = self._desk.execution(execution_id) if board is None else views.snapshot(board)
            self._seen[execution_id] = found
        return self._seen[execution_id]

    def definition(self, execution_id: str) -> Workflow | None:
        board = self._boards.get(execution_id)
        return self._desk.definition(execution_id) if board is None else board.plan.workflow

    def changed(self, fact: int) -> bool:
        return self._changed[fact]


def _done(sheet: Paper, look: _Look, manner: Manner) -> Reply:
    outcomes = []
    waiting = {
        start.place: start.judgement
        for start in sheet.draft.starts
        if start.judgement is not None and start.judgement.needs_approval
    }
    for place, (call, said) in enumerate(zip(sheet.calls, sheet.said, strict=True)):
        assert said is not None
        text = answers.render(said(look) if callable(said) else said, manner.language, manner.form)
        text = text if call.alone else text.partition("\n")[0]
        if place in waiting:
            text += "\n" + answers.render(_note(waiting[place]), manner.language, manner.form)
        outcomes.append(Outcome(call.shortcode, True, sheet.draft.ids.get(place), text, call.repairs))
    text = _compose(sheet, outcomes, manner.form)
    return Reply(True, text, tuple(outcomes), execution_ids=_started(sheet), form=manner.form)


def _note(judgement: Judgement) -> answers.Answer:
    effects = (planned(each.effect, each.decision) for each in judgement.verdict.judged)
    return answers.approval_note(judgement.approvers, effects)


def _started(sheet: Paper) -> tuple[str, ...]:
    return tuple(start.started.execution_id for start in sheet.draft.starts)


def _refused(sheet: Paper, problems: Sequence[CodeProblem], manner: Manner) -> Reply:
    wrong = {found.place: found.problem for found in reversed(sheet.found)}
    outcomes = tuple(
        Outcome(call.shortcode, False, None, answers.render(answers.not_done(wrong.get(place)), *manner))
        for place, call in enumerate(sheet.calls)
    )
    return msgspec.structs.replace(_refusal(sheet.text, problems, manner), outcomes=outcomes)


def _refusal(text: str, problems: Sequence[CodeProblem], manner: Manner) -> Reply:
    said = answers.render(answers.refusal(problems), manner.language, manner.form)
    return Reply(False, said, errors=tuple(problems), note=note.write(text, problems), form=manner.form)


def _compose(sheet: Paper, outcomes: Sequence[Outcome], form: Form) -> str:
    """The reply's text with each code replaced by its answer."""
    parts, end = [], _said(sheet.text)
    for call, outcome in zip(sheet.calls, outcomes, strict=True):
        parts += [_prose(sheet.text[end : call.span[0]], form), outcome.text]
        end = call.span[1]
    return "".join([*parts, _prose(sheet.text[end:], form)])


def _require_manner(language: Language | None, form: Form) -> None:
    """Raises ValidationError for a language or a form that there is not."""
    for where, value, known in (("language", language, (None, *answers.LANGUAGES)), ("form", form, answers.FORMS)):
        if value not in known:
            fix = "use one of " + ", ".join(each for each in known if each)
            raise ValidationError([Problem("wrong_type", where, f"there is no {where} {value!r}", fix)])


def _storable(text: Any) -> str:
    """The text with a question mark for what is no character (half of a pair). Raises ValidationError for no text."""
    if not isinstance(text, str):
        message = f"a reply is text, and this is {type(text).__name__}"
        raise ValidationError([Problem("wrong_type", "process_reply", message, "pass the assistant's reply")])
    return text.encode(errors="replace").decode()


def _said(text: str) -> int:
    """Where the text begins that people read: behind the model's thinking."""
    _, end = thinking(text)
    return end + len(text[end:]) - len(text[end:].lstrip()) if end else 0


def _prose(text: str, form: Form) -> str:
    return escape(text, quote=False) if form == "html" else text


def _receipt(sheet: Paper, reply: Reply) -> list[Change]:
    chat = sheet.draft.chat
    if chat.message_id is None:
        return []
    body = msgspec.json.encode(_Receipt(text_hash(sheet.text), reply))
    return [Record(RECEIPT, _key(chat.chat_id, chat.message_id), sheet.draft.now, body)]


def _key(*ids: Any) -> str:
    """Ids of chats and messages as one text; their types count, so 5 and '5' differ."""
    return msgspec.json.encode(ids).decode()
