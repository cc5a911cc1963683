"""Checks of bundles: of what was asked for in one transaction, all is there in the end or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from syncara.abc import NewSteps, NewWorkflow, Record
from syncara.testing.coverage import Coverage
from syncara.testing.evidence import DISK_FULL, Asked, Evidence
from syncara.testing.plan import Flaw
from syncara.testing.rules import need
from syncara.testing.together import KIND

CODES: dict[Flaw | None, str] = {
    "stale": "conflict",
    "taken": "duplicate",
    "undefined": "unknown_workflow",
    "raises": "withdrawn",
}
"""What each flaw is refused with."""
VERBS = {"pause": "Paused", "resume": "Resumed", "cancel": "Cancelled", "approve": "Approved"}
"""What a bundle tells a run, and the fact that it makes."""


class BundleRules:
    def __init__(self, evidence: Evidence, coverage: Coverage) -> None:
        self.evidence = evidence
        self.coverage = coverage
        self.commits: dict[str, list[int]] = {}
        """The numbers of the commits that wrote a bundle, by its key."""
        for number, commit in enumerate(evidence.commits):
            for change in commit.changes:
                if isinstance(change, Record) and change.kind == KIND:
                    self.commits.setdefault(change.key, []).append(number)

    def check(self) -> None:
        """Raises Violation."""
        for asked in self.evidence.asked:
            written = asked.key in self.evidence.records
            self._all_or_nothing(asked, written)
            self._told(asked, written)
            self._facts(asked, written)
            self._count(asked, written)
        facts = {id(request) for asked in self.evidence.asked for request in asked.facts}
        for request in self.evidence.requests:
            if request.answer == "refused" and id(request) not in facts and request.code != "unknown_handler":
                self._refusal(request.code, f"{request.verb} {request.execution_id}", request.process)
        for one, other in combinations(self.evidence.asked, 2):
            if _steered(one) & _steered(other) and _beside(one, other):
                self.coverage.count("bundle", "steered twice at once")

    def _all_or_nothing(self, asked: Asked, written: bool) -> None:
        numbers = self.commits.get(asked.key, [])
        for what, there in (("a commit", bool(numbers)), *self._parts(asked)):
            need(there is written, f"of a bundle all is there or nothing: {asked.key}, {what}")
        need(len(numbers) <= 1, f"a bundle is written once: {asked.key}")
        for execution_id in asked.starts if written else ():
            first = self.evidence.journals[execution_id].transactions[0]
            need(first.commit == numbers[0], f"a bundle is one transaction: {asked.key}, {execution_id}")

    def _parts(self, asked: Asked) -> Iterator[tuple[str, bool]]:
        defined = self.evidence.defined
        for execution_id in asked.starts:
            yield execution_id, execution_id in self.evidence.journals
        for change in asked.changes:
            if isinstance(change, NewWorkflow) and asked.key in change.workflow.id:
                yield change.workflow.id, change.workflow.id in defined
            elif isinstance(change, NewSteps):
                for step in change.steps:
                    yield step.id, step.id in defined[change.workflow_id]

    def _facts(self, asked: Asked, written: bool) -> None:
        """What was told to runs is in their journals, in the same commit; or was never told."""
        for number, request in enumerate(asked.facts):
            fact = VERBS[request.verb]
            transactions = self.evidence.journals[request.execution_id].transactions if written else []
            commits = {t.commit for t in transactions for event in t.events if event["event"] == fact}
            made = written and asked.changed[number]
            if made:
                there = self.commits[asked.key][0] in commits
                need(there, f"of a bundle all is there or nothing: {asked.key}, {request.verb} {request.execution_id}")
            if request.answer is None:  # nobody was told; but the disk knows
                request.answer = True if made else "refused"

    def _told(self, asked: Asked, written: bool) -> None:
        if asked.answer == "written":
            need(written, f"a bundle that was acknowledged is there: {asked.key}")
            need(asked.bundle.flaw is None, f"a bundle with a flaw is refused: {asked.key}")
        elif asked.answer is not None:
            need(not written, f"a bundle that was refused did not happen: {asked.key}")
            if asked.answer != CODES.get(asked.bundle.flaw):
                self._refusal(asked.answer, asked.key, asked.process)

    def _refusal(self, code: str, what: str, process: int) -> None:
        """Nothing is refused for what somebody else has asked for."""
        full = code in DISK_FULL and bool(self.evidence.scenario.full)
        stopped = code == "stopped" and self.evidence.processes[process].clean
        need(full or stopped, f"only a full disk or a stop refuses what is right, not {code}: {what}")

    def _count(self, asked: Asked, written: bool) -> None:
        if asked.answer is None:
            self.coverage.count("bundle", "written, then died" if written else "died, then nothing")
        else:
            self.coverage.count("bundle", "written" if written else f"refused: {asked.answer}")
        for changed in asked.changed if written else ():
            self.coverage.count("bundle", "steered" if changed else "nothing to steer")


def _steered(asked: Asked) -> set[str]:
    return {request.execution_id for request in asked.facts}


def _beside(one: Asked, other: Asked) -> bool:
    """Whether two bundles were under way at the same time."""
    return one.process == other.process and one.began <= other.ended and other.began <= one.ended
