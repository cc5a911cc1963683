"""The judge of a simulation: reads the journals, the log of handler calls and what the API said, and trusts none."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from syncara.abc import NewSteps
from syncara.testing.bundle_rules import VERBS, BundleRules
from syncara.testing.calls import check_calls
from syncara.testing.coverage import Coverage
from syncara.testing.disk import Journal, Transaction
from syncara.testing.evidence import Evidence, Request
from syncara.testing.fold import RunFold, Snapshot
from syncara.testing.plan import PlannedRun, PlannedStep
from syncara.testing.rules import FACTS, FINAL_RUN, TINY, Rules, need

LATE_SECONDS = 3.0
"""How long after its time something may happen: commits take time, and so does noticing that space is back."""
EXCERPT_EVENTS = 40
FACTS_ASKED_FOR = {**VERBS, "resolve": "Signalled on_crash"}
"""What people ask for, and the fact that it makes."""


class Oracle:
    def __init__(self, evidence: Evidence, coverage: Coverage) -> None:
        self.evidence = evidence
        self.coverage = coverage
        self.folds: dict[str, RunFold] = {}
        self.runs: dict[str, int] = {}
        """The planned run behind each execution."""
        self.where = ""

    def judge(self) -> None:
        """Raises Violation, with `where` naming the execution and event in question."""
        for execution_id, journal in self.evidence.journals.items():
            self.where = execution_id
            self._read(execution_id, journal)
        self.where = ""
        need(not self.evidence.surprises, "no error goes unseen: " + "; ".join(self.evidence.surprises[:2]))
        self._one_suspect_at_a_time()
        BundleRules(self.evidence, self.coverage).check()
        for execution_id, fold in self.folds.items():
            self.where = execution_id
            check_calls(self.evidence, execution_id, fold)
            self._requests(execution_id, fold)
            self._samples(execution_id, fold)
            if self.evidence.finals:  # a world that got stuck has no last word
                self._final(execution_id, fold)
        self._executes()
        self._keys()
        self._deaths()

    # Journals.

    def _read(self, execution_id: str, journal: Journal) -> None:
        need(all(transaction.events for transaction in journal.transactions), "what is written holds events")
        first = journal.transactions[0]
        self.runs[execution_id] = number = first.events[0].get("user_id", -1)
        run = self.evidence.scenario.runs[number]
        self._check_started(execution_id, first, run)
        steps = self._pinned(run, first)
        fold = self.folds[execution_id] = RunFold(self.evidence.scenario.workflows[run.workflow], steps, self.coverage)
        rules = Rules(fold)
        previous: Transaction | None = None
        for transaction in journal.transactions:
            self._new_process(fold, previous, transaction)
            self._in_time(fold, previous, transaction)
            for event in transaction.events:
                self.where = f"{execution_id} event {len(fold.contexts)}: {json.dumps(event)}"
                if event["event"] in FACTS and fold.contexts:
                    rules.complete()
                need(
                    event["at"] <= transaction.now + TINY or self.evidence.scenario.shifted, "`at` is not in the future"
                )
                rules.check(event)
                fold.apply(event)
            rules.complete()
            self._deadline(fold)
            fold.snapshots.append(fold.snapshot())
            previous = transaction
        need(fold.status in FINAL_RUN, "every execution ends")

    def _check_started(self, execution_id: str, first: Transaction, run: PlannedRun) -> None:
        started = first.events[0]
        need(started["event"] == "Started", "a journal begins with Started, and only there")
        need(started["execution_id"] == execution_id, "Started names the execution")
        need(started.get("context", {}) == run.context, "a run starts with the context that it was given")
        need(("start_at" in started) == (run.ahead is not None), "a run starts when it was asked to")
        approve_by = None if run.approve_within is None else started["at"] + run.approve_within
        need(started.get("approve_by") == approve_by, "a run has the time to be approved that it was given")

    def _pinned(self, run: PlannedRun, first: Transaction) -> tuple[PlannedStep, ...]:
        """The steps that the definition had when the run started."""
        workflow = self.evidence.scenario.workflows[run.workflow]
        steps = workflow.steps
        added_at = self._added_at(run.workflow, first.events[0]["workflow_id"])
        with_added = first.events[0]["steps"] == len(steps) + 1
        if added_at is None or first.committed_at < added_at:
            need(not with_added, "a run keeps the definition that it started with")
        elif with_added:
            assert workflow.added is not None
            return (*steps, workflow.added)
        need(first.events[0]["steps"] == len(steps), "a run keeps the definition that it started with")
        return steps

    def _added_at(self, workflow: int, workflow_id: str) -> float | None:
        """When a program, or a bundle, has added a step to a workflow."""
        for commit in self.evidence.commits:
            if any(isinstance(change, NewSteps) and change.workflow_id == workflow_id for change in commit.changes):
                return commit.at
        return self.evidence.added.get(workflow)

    def _new_process(self, fold: RunFold, previous: Transaction | None, transaction: Transaction) -> None:
        """The first that a new process writes is that the attempts of the old one are lost."""
        event = transaction.events[0]
        if event["event"] == "RunnerLost":
            clean = event.get("clean", False)
            self.coverage.count("event", "RunnerLost, clean" if clean else "RunnerLost, unclean")
        if previous is None or previous.process == transaction.process:
            return
        if any(step.in_handler for step in fold.steps.values()):
            need(event["event"] == "RunnerLost", "attempts of a process that has ended are lost")
            ends = {process.clean for process in self.evidence.processes[previous.process : transaction.process]}
            need(len(ends) > 1 or event.get("clean", False) in ends, "RunnerLost tells a clean stop from a death")

    def _in_time(self, fold: RunFold, previous: Transaction | None, transaction: Transaction) -> None:
        """While a process is there and the disk has space, what is due is done."""
        scenario = self.evidence.scenario
        if previous is None or fold.paused or scenario.shifted or scenario.full:
            return
        begins = fold.start_at if fold.approve_by is None else fold.approve_by
        due = [begins] if begins is not None else []
        due += [s.wake_at for s in fold.steps.values() if s.status == "delayed"]
        if fold.slots_free:
            due += [s.wake_at for s in fold.steps.values() if s.status == "retrying"]
        if fold.status == "running" and fold.clock_runs() and not fold.failing:
            due.append(fold.at + fold.workflow.global_timeout - fold.active_seconds)
        if fold.recovery_began and fold.clock_runs() and not fold.recovery_timed_out:
            due.append(fold.at + fold.workflow.recovery_timeout - fold.recovery_seconds)
        if not due:
            return
        began = self.evidence.processes[transaction.process].began
        if transaction.process != previous.process:
            began += LATE_SECONDS + scenario.commit_seconds
        epoch = transaction.now - transaction.committed_at
        latest = max(min(due), fold.at, epoch + began) + LATE_SECONDS
        need(transaction.events[0]["at"] <= latest, "what is due goes on in time")

    def _deadline(self, fold: RunFold) -> None:
        if fold.status == "running" and not fold.failing and fold.clock_runs():
            need(fold.active_seconds <= fold.workflow.global_timeout + TINY, "the global timeout strikes")
        if fold.recovery_began and fold.status == "running" and fold.clock_runs() and not fold.recovery_timed_out:
            need(fold.recovery_seconds <= fold.workflow.recovery_timeout + TINY, "the recovery timeout strikes")

    def excerpt(self) -> str:
        """The end of the journal in question, up to the event at fault."""
        execution_id = self.where.split(" ")[0]
        journal = self.evidence.journals.get(execution_id)
        if journal is None:
            return ""
        lines = [
            f"  {n:>3} p{transaction.process} {event['at'] - self._epoch:9.3f}  "
            + " ".join(
                f"{key}={value!r}" if key != "event" else str(value) for key, value in event.items() if key != "at"
            )
            for n, (transaction, event) in enumerate((t, e) for t in journal.transactions for e in t.events)
        ]
        seen = len(self.folds[execution_id].contexts) + 3 if execution_id in self.folds else len(lines)
        return "\n".join(line[:300] for line in lines[max(0, seen - EXCERPT_EVENTS) : seen])

    @property
    def _epoch(self) -> float:
        return self.evidence.clock.now() - self.evidence.clock.elapsed

    # Over all runs.

    def _one_suspect_at_a_time(self) -> None:
        """Steps that were running at two deaths run again one at a time, over the whole runner."""
        turns: list[tuple[float, float, str]] = []
        for execution_id, fold in self.folds.items():
            events = [(t, e) for t in self.evidence.journals[execution_id].transactions for e in t.events]
            given: set[str] = set()
            for number, (transaction, event) in enumerate(events):
                if event["event"] == "Signalled" and event["signal"] == "turn":
                    given.add(event["step"])
                elif event["event"] == "StepScheduled" and event["step"] in given:
                    given.discard(event["step"])
                    over = fold.over.get(number)
                    end = self._end_of(transaction, events[over][0] if over is not None else None)
                    turns.append((transaction.committed_at, end, f"{execution_id} {event['step']}"))
        turns.sort()
        for (_, end, one), (begin, _, other) in pairwise(turns):
            self.where = other
            need(begin >= end - TINY, f"suspects run one at a time, not {one} and {other}")

    def _end_of(self, begin: Transaction, over: Transaction | None) -> float:
        died = self.evidence.processes[begin.process].ended
        return min(died, over.committed_at if over is not None else died)

    def _executes(self) -> None:
        """Every acknowledged execute exists, once; a refused one does not."""
        by_run: dict[int, list[str]] = {}
        for execution_id, number in self.runs.items():
            by_run.setdefault(number, []).append(execution_id)
        for number, found in by_run.items():
            need(len(found) == 1, f"run {number} was asked for once and started {len(found)} times")
        for request in self.evidence.requests:
            if request.verb != "execute":
                continue
            self._count_answer(request)
            if request.answer == "refused":
                others = [r.answer for r in self.evidence.requests if r.verb == "execute" and r.run == request.run]
                need(others != ["refused"] or request.run not in by_run, "what was refused did not happen")
            elif request.answer is not None:
                need(by_run.get(request.run) == [request.answer], "an acknowledged execution exists")

    def _count_answer(self, request: Request) -> None:
        answer = "id" if request.verb == "execute" and request.answer not in (None, "refused") else request.answer
        if answer is None:
            self.coverage.count("answer", "the process died first")
        else:
            self.coverage.count("answer", f"{request.verb}: {answer}")

    def _keys(self) -> None:
        keys: dict[str, tuple[str, str]] = {}
        for call in self.evidence.calls:
            owner = keys.setdefault(call.key, (call.execution_id, call.step))
            need(owner == (call.execution_id, call.step), "no two steps share an idempotency key")

    def _deaths(self) -> None:
        """How the processes ended, for the coverage; and that poison convicts nobody else."""
        scenario = self.evidence.scenario
        for process in self.evidence.processes:
            if process.clean:
                continue
            self.coverage.count("died", process.died_of)
        for before, process in pairwise(self.evidence.processes):
            if before.clean:
                self.coverage.count("went on", "after a clean stop")
            if not process.clean and process.died_of.endswith("commit") and process.ending and process.ending.nth <= 2:
                self.coverage.count("died", "soon after a restart")
        if scenario.full and scenario.full[0][1] < self.evidence.clock.elapsed:
            self.coverage.count("went on", "after a full disk")
        if scenario.shifted:
            self.coverage.count("went on", "after a jump of the wall clock")
        if any(when > self.evidence.processes[number].began for number, when in self.evidence.registered):
            self.coverage.count("went on", "with a late handler")
        self._only_poison_is_convicted()

    def _only_poison_is_convicted(self) -> None:
        crashes = [p.died_of for p in self.evidence.processes if not p.clean]
        culprits = {(call.execution_id, call.step) for call in self.evidence.calls if call.poison}
        if set(crashes) != {"poison"} or len(culprits) != 1:
            return
        for execution_id, fold in self.folds.items():
            for step in fold.steps.values():
                need(
                    step.code != "poison" or (execution_id, step.name) in culprits,
                    "the third death convicts the guilty",
                )

    # What the API said.

    def _requests(self, execution_id: str, fold: RunFold) -> None:
        """A call that returns True made exactly one change; False means that there was nothing to change."""
        journal = self.evidence.journals[execution_id]
        events = [_kind(event) for transaction in journal.transactions for event in transaction.events]
        for verb, fact in FACTS_ASKED_FOR.items():
            requests = [r for r in self.evidence.requests if r.execution_id == execution_id and r.verb == verb]
            made = sum(request.answer is True for request in requests)
            unknown = sum(request.answer is None for request in requests)
            need(made <= events.count(fact) <= made + unknown, f"each {verb} that returned True happened, and no other")
            for request in requests:
                if request.answer is False and verb != "resolve":
                    idle = self._was_idle(request, events) or (verb == "approve" and self._was_late(request, journal))
                    need(idle, f"{verb} returns False only when it changes nothing")
        for request in self.evidence.requests:
            if request.execution_id == execution_id:
                self._count_answer(request)
        for transaction in journal.transactions:
            if transaction.process != journal.transactions[0].process and "Approved" in map(_kind, transaction.events):
                self.coverage.count("approval", "by another process")
        for waited, status in self.evidence.waited:
            need(waited != execution_id or status == fold.status, "wait returns at the final status")

    def _was_idle(self, request: Request, events: list[str]) -> bool:
        """Whether at some moment of the call there was nothing to pause, to resume, to cancel or to approve."""
        paused = approved = False
        for number, event in enumerate(events):
            paused = event == "Paused" or (paused and event not in ("Resumed", "Cancelled"))
            approved = approved or event == "Approved"
            if request.seen_before <= number + 1 <= max(request.seen_after, request.seen_before):
                over = event == "Finished" or (event == "Cancelled" and request.verb == "cancel")
                idle = {"pause": paused, "resume": not paused, "approve": approved}
                if over or idle.get(request.verb, False):
                    return True
        return False

    def _was_late(self, request: Request, journal: Journal) -> bool:
        """Whether there was nothing to approve, or no time left for it."""
        approve_by = journal.transactions[0].events[0].get("approve_by")
        return approve_by is None or request.now >= approve_by or self.evidence.scenario.shifted

    def _samples(self, execution_id: str, fold: RunFold) -> None:
        """Readers see a committed state, and progress never goes back."""
        progress = 0.0
        for sample in self.evidence.samples:
            if sample.execution_id != execution_id:
                continue
            shown = sample.progress
            need(shown["progress"] >= progress, "progress never goes back")
            progress = shown["progress"]
            steps = {step["name"]: step["status"] for step in shown["steps"]}
            fits = [
                snapshot
                for snapshot in fold.snapshots
                if sample.acknowledged <= snapshot.events <= sample.committed
                and abs(snapshot.progress - shown["progress"]) < TINY
                and snapshot.status == shown["status"]
                and _agree(snapshot, steps)
            ]
            need(bool(fits), f"readers see the last committed state, not {shown}")

    def _final(self, execution_id: str, fold: RunFold) -> None:
        """The engine's last word agrees with the journal."""
        final = self.evidence.finals[execution_id]
        need(final.status == fold.status, "the final status is that of the journal")
        need(final.context == fold.context, f"the final context {final.context} is that of the journal {fold.context}")
        need(abs(final.progress - fold.progress()) < TINY, "the final progress follows its formula")
        need(final.status != "completed" or final.progress > 100 - TINY, "a completed run is at 100")
        states = {state.name: str(state.status) for state in final.steps.values()}
        need(states == fold.snapshots[-1].steps, f"the final steps are those of the journal: {states}")
        attempts = {state.name: state.attempts for state in final.steps.values()}
        need(all(n == fold.steps[name].attempt for name, n in attempts.items()), f"attempts are counted: {attempts}")
        need(final.errors == fold.context.get("errors", []), "the errors of an execution are all its failures")
        need(self.evidence.listed[execution_id] == fold.status, "an execution is listed under its status")
        failure = fold.first_failure
        need(fold.status in ("completed", "cancelled") or bool(final.error), "a failed run says why")
        if failure is not None and not fold.timed_out and fold.status != "cancelled":
            need(failure["error"] in final.error, "the error of an execution is the first")


def _kind(event: dict[str, Any]) -> str:
    return f"{event['event']} {event['signal']}" if event["event"] == "Signalled" else str(event["event"])


def _agree(ours: Snapshot, theirs: dict[str, Any]) -> bool:
    """Statuses agree; what waits for a decision may be shown as retrying."""
    return ours.steps.keys() == theirs.keys() and all(
        status == theirs[name] or (name in ours.undecided and theirs[name] == "retrying")
        for name, status in ours.steps.items()
    )
