"""What people have in mind, whatever becomes of processes: what is still to be asked for, and what is whose."""

from __future__ import annotations

from random import Random

from syncara.testing.disk import Process
from syncara.testing.evidence import Evidence, Request
from syncara.testing.plan import Scenario


class Errands:
    def __init__(self, scenario: Scenario, evidence: Evidence) -> None:
        self.scenario = scenario
        self.evidence = evidence
        self.rng = Random(f"world {scenario.seed}")
        self.open = list(scenario.operations)
        self.workflow_ids: dict[int, str] = {}
        self.execution_ids: dict[int, str] = {}
        """By run, from when the id is known."""

    def execution(self, run: int) -> str | None:
        """The id of a run's execution, once it is on the disk."""
        execution_id = self.execution_ids.get(run)
        return execution_id if execution_id in self.evidence.journals else None

    def committed(self, execution_id: str) -> int:
        journal = self.evidence.journals.get(execution_id)
        return journal.committed if journal else 0

    def request(self, verb: str, execution_id: str, process: Process, run: int = 0) -> Request:
        """Note that something is asked for."""
        clock, seen = self.evidence.clock, self.committed(execution_id)
        request = Request(verb, execution_id, process.number, clock.elapsed, clock.now(), seen, run)
        self.evidence.requests.append(request)
        return request

    def answered(self, request: Request, answer: object, code: str = "") -> None:
        request.answer, request.code = answer, code
        request.ended = self.evidence.clock.elapsed
        request.seen_after = self.committed(request.execution_id)
