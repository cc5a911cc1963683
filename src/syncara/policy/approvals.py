"""Approvals: durable, listed, answered once, by somebody who may, for exactly the plan that was judged.

An approval is a record beside its execution, which waits as `awaiting_approval` and ends by itself when the time is
over. Answers come from the API, and as records that another process has written (the command line beside a running
bot), which are looked for only while something waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Literal

import msgspec

from syncara import answers, arguments
from syncara.abc import Addition, Clock, Record, Store, Unsealed
from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.errors import ApprovalError, DamagedError, SyncaraError, nearest
from syncara.core.model import ExecutionStatus
from syncara.policy import audit
from syncara.policy.approval import Answer, Approval, Now
from syncara.policy.effects import Effect, as_judged
from syncara.policy.gate import Gate, Judgement
from syncara.policy.preview import planned
from syncara.readers import Readers
from syncara.runtimes.local import Boards, LocalRuntime

logger = logging.getLogger("syncara")

KIND, ANSWER = "approval", "answer"
OPERATOR = "operator"
"""Who answers where the database itself is at hand: on the command line, or on the console."""
LOOK_S = 1.0
"""How often answers of other processes are looked for, while something waits."""
PAGE = 1_000


def asked(started: e.Started, workflow_name: str, judgement: Judgement) -> Approval:
    """A new approval, for a plan that needs one."""
    return Approval(
        id_for(started.execution_id),
        started.execution_id,
        judgement.hash,
        judgement.verdict.held,
        started.approve_by or started.at,
        workflow_name=workflow_name,
        chat_id=started.chat_id,
        user_id=started.user_id,
        approvers=judgement.approvers,
        beyond=judgement.verdict.beyond,
        start_at=started.start_at,
    )


def record_of(approval: Approval, at: float) -> Record:
    """Dated with the end of its time, before which no clean-up may take it away."""
    return Record(KIND, approval.id, max(at, approval.expires_at), msgspec.json.encode(approval))


def question(approval: Approval, how: str = "", *, in_chat: bool = False) -> answers.Answer:
    """Asks a person. `how`: what is typed to answer, where that does not show in another way.

    in_chat: it says too when nobody there may answer; an operator always may.
    """
    return answers.approval_question(
        approval.workflow_name,
        approval.user_id,
        map(planned, approval.effects),
        approval_id=approval.id,
        plan_hash=approval.plan_hash,
        expires_at=approval.expires_at,
        start_at=approval.start_at,
        how=how,
        approvers=approval.approvers if in_chat else None,
    )


def awaited(approval: Approval) -> tuple[answers.Line, ...]:
    """Who may approve it, until when, and the id to answer with."""
    return answers.approval_awaited(
        approval.approvers,
        map(planned, approval.effects),
        approval_id=approval.id,
        plan_hash=approval.plan_hash,
        expires_at=approval.expires_at,
    )


class Approvals:
    def __init__(
        self, store: Store, readers: Readers, runtime: LocalRuntime, gate: Gate, clock: Clock, account: str | None
    ) -> None:
        """account: whose command in a terminal this process is; None where it is no such command."""
        self._store = store
        self._readers = readers
        self._runtime = runtime
        self._gate = gate
        self._clock = clock
        self._account = account or OPERATOR
        self._turn = asyncio.Lock()
        self._inbox: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """Of the runner; None where this process does not run the database."""

    # Looking.

    def get(self, approval_id: str) -> Approval:
        """Raises ApprovalError code `not_found`, with the nearest id."""
        left = self._is_left(arguments.text("approval_id", approval_id))  # before the approval: it is taken, then gone
        return msgspec.structs.replace(self._known(approval_id), left=left)

    def _known(self, approval_id: str) -> Approval:
        approval = self._find(approval_id)
        if approval is None:
            latest = [each.key for each in self._store.records(KIND, limit=50, newest_first=True)]
            raise _not_found(approval_id, nearest(approval_id, latest) or "list_approvals() shows those that wait")
        return approval

    def _is_left(self, approval_id: str) -> bool:
        """Whether an answer of another process lies there."""
        return self._store.record(ANSWER, approval_id) is not None

    def _find(self, approval_id: str) -> Approval | None:
        record = self._store.record(KIND, arguments.text("approval_id", approval_id))
        if record is None or record.body is None:
            return None
        return self._seen(msgspec.json.decode(record.body, type=Approval))

    def _for_person(self, approval_id: str) -> Approval:
        """As `get`, for whoever may be of another chat, and so learns no id that is nearly it."""
        approval = self._find(approval_id)
        if approval is None:
            raise _not_found(approval_id, "answer with the id that the question names")
        return approval

    def of(self, execution_id: str) -> Approval | None:
        """What an execution waits for."""
        approval = self._find(id_for(execution_id))
        return approval if approval is not None and approval.status == "pending" else None

    def listed(self, chat_id: Any, status: str | None) -> list[Approval]:
        """Of one chat, or of all with None; the newest first."""
        found = [self._seen(each) for each in self._stored()]
        wanted = [each for each in found if status in (None, each.status) and chat_id in (None, each.chat_id)]
        return sorted(wanted, key=lambda each: each.expires_at, reverse=True)

    def _stored(self) -> list[Approval]:
        found: list[Approval] = []
        page = self._store.records(KIND, limit=PAGE)
        while page:
            found += [msgspec.json.decode(record.body or b"", type=Approval) for record in page]
            page = self._store.records(KIND, after=page[-1].key, limit=PAGE)
        return found

    def _seen(self, approval: Approval) -> Approval:
        """As it is now: one without an answer may have run out of time, or its execution may have been cancelled."""
        if approval.status != "pending":
            return approval
        if self._clock.now() >= approval.expires_at:
            return msgspec.structs.replace(approval, status="expired")
        summary = self._store.summary(approval.execution_id)
        if summary is None or ExecutionStatus(summary.status).final:
            return msgspec.structs.replace(approval, status="cancelled")
        return approval

    # Answering.

    async def answer(
        self,
        approval_id: str,
        user_id: Any,
        answer: Answer,
        *,
        operator: bool = False,
    ) -> Approval:
        """Approve or refuse; the first answer wins. Raises ApprovalError, and then nothing has changed.

        operator: whoever answers has the database itself at hand, and so may.
        """
        arguments.chat_ids(user_id, None, None)
        who = (answer.account or self._account) if operator else user_id
        async with self._turn:
            approval = self._known(approval_id) if operator else self._for_person(approval_id)
            try:
                now = self._judged(approval)
                if not operator:
                    self._require_allowed(approval, user_id, now)
                self._require_open(approval)
                if answer.approve:
                    _require_unchanged(approval, now, answer.plan_hash)
                return await self._settle(approval, now, user_id, answer, who)
            except ApprovalError as error:
                refused = _refused(approval, who, answer, error, self._clock.now())
                await self._runtime.together([], [], lambda boards, changed: [refused])
                raise

    def _require_open(self, approval: Approval) -> None:
        if approval.status == "expired":
            raise ApprovalError("expired", "its time is over", approval.id, "ask for the plan again")
        if approval.status != "pending":
            message = f"it has been answered already: {approval.status}"
            raise ApprovalError("used", message, approval.id, "ask for the plan again, if it is to run")

    def _judged(self, approval: Approval) -> Now:
        """By the policy of now; but as it was asked about where nothing waits, or no bot runs whose policy counts."""
        asked = Now(approval.plan_hash, approval.effects, approval.beyond, denied=False)
        if approval.status != "pending":
            return asked
        plan = self._readers.read(approval.execution_id, partial(_judgement, self._gate))
        if self._loop is None:
            return asked._replace(hash=plan.hash)
        return Now(plan.hash, plan.verdict.held, plan.verdict.beyond, bool(plan.denials))

    def _require_allowed(self, approval: Approval, user_id: Any, now: Now) -> None:
        if not self._gate.may_answer(approval.chat_id, approval.user_id, user_id, beyond=now.beyond):
            message = f"user {user_id!r} may not answer it"
            fix = "ask one of its approvers" if approval.approvers else "set owners or approvers in the policy file"
            raise ApprovalError("not_allowed", message, approval.id, fix)

    async def _settle(self, approval: Approval, judged: Now, user_id: Any, answer: Answer, who: Any) -> Approval:
        now = self._clock.now()
        refusal = f"refused by {user_id}" + (f": {answer.reason}" if answer.reason else "")
        fact: e.Fact = e.Approved(now, user_id, _covers(judged.held)) if answer.approve else e.Cancelled(now, refusal)
        answered = msgspec.structs.replace(
            approval,
            status="approved" if answer.approve else "refused",
            answered_by=user_id,
            answered_at=now,
            reason=answer.reason,
        )
        taken: list[bool] = []

        def finish(boards: Boards, changed: list[bool]) -> Sequence[Addition]:
            taken.extend(changed)
            return [record_of(answered, now), _entry(answered, who, now)] if changed[0] else []

        await self._runtime.together([], [(approval.execution_id, fact)], finish)
        if not taken[0]:
            raise ApprovalError("used", "its execution no longer waits", approval.id, "ask for the plan again")
        return answered

    # Answers of other processes.

    def leave(self, approval_id: str, answer: Answer) -> Approval:
        """Write the operator's answer down for the process that runs the database. Raises ApprovalError as `answer`."""
        approval = self._known(approval_id)
        self._require_open(approval)
        if answer.approve:
            _require_unchanged(approval, self._judged(approval), answer.plan_hash)
        if self._is_left(approval_id):
            fix = "wait until the process that runs the database takes it"
            raise ApprovalError("used", "an answer to it has been left already", approval_id, fix)
        left = msgspec.structs.replace(answer, account=self._account)
        self._store.put(Record(ANSWER, approval_id, self._clock.now(), msgspec.json.encode(left)))
        return msgspec.structs.replace(approval, left=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._turn, self._loop = asyncio.Lock(), loop
        self.expect()

    def stop(self) -> None:
        inbox, self._inbox, self._loop = self._inbox, None, None
        if inbox is not None and not inbox.get_loop().is_closed():
            inbox.cancel()

    def expect(self) -> None:
        """Something waits for an answer from now on."""
        if self._loop is not None and (self._inbox is None or self._inbox.done()):
            self._inbox = self._loop.create_task(self._look(), name="syncara approvals")

    async def _look(self) -> None:
        while True:
            try:
                await self._take_left()
                if not self._store.summaries(status=ExecutionStatus.AWAITING_APPROVAL, limit=1):
                    return
            except SyncaraError as error:  # the disk takes no writes now; what was left stays there
                logger.warning("answers to approvals are looked for again in %g s: %s", LOOK_S, error)
            await asyncio.sleep(LOOK_S)

    async def _take_left(self) -> None:
        for record in self._store.records(ANSWER):
            answer = msgspec.json.decode(record.body or b"", type=Answer)
            try:
                await self.answer(record.key, OPERATOR, answer, operator=True)
            except (ApprovalError, DamagedError) as error:
                logger.warning("an answer to approval %s was not taken: %s", record.key, error)
            self._store.put(record._replace(body=None))


def id_for(execution_id: str) -> str:
    """Of the approval of a run, which needs one at the most."""
    return "ap" + execution_id.removeprefix("ex")


def _require_unchanged(approval: Approval, now: Now, expected: str | None) -> None:
    """That the plan is the one that was looked at, and that whatever needs approval now has been asked about."""
    if now.hash != approval.plan_hash or expected not in (None, approval.plan_hash):
        message = "the plan is not the one that the approval is for"
        raise ApprovalError("plan_changed", message, approval.id, "look at the plan again, and answer for that one")
    asked = _covers(approval.effects)
    if now.denied or any(asked.get(name) != judged for name, judged in _covers(now.held).items()):
        message = "the policy has changed, and says more against the plan than when it was asked about"
        raise ApprovalError("plan_changed", message, approval.id, "ask for the plan again")


def _covers(effects: Iterable[Effect]) -> dict[str, list[Any]]:
    return {each.step: as_judged(each) for each in effects}


def _entry(answered: Approval, who: Any, at: float) -> Unsealed:
    what: Literal["approved", "refused"] = "approved" if answered.status == "approved" else "refused"
    told = audit.ApprovalAnswered(answered.id, answered.execution_id, answered.plan_hash, what, who)
    return audit.unsealed(at, told)


def _refused(approval: Approval, who: Any, answer: Answer, error: ApprovalError, at: float) -> Unsealed:
    what: Literal["approve", "refuse"] = "approve" if answer.approve else "refuse"
    return audit.unsealed(at, audit.AnswerRefused(approval.id, approval.execution_id, what, who, error.code))


def _not_found(approval_id: str, fix: str) -> ApprovalError:
    return ApprovalError("not_found", f"there is no approval '{approval_id}'", "approval_id", fix)


def _judgement(gate: Gate, board: Board) -> Judgement:
    return gate.plan(board.plan.workflow, board.context, board.start_at, board.chat_id, board.user_id)
