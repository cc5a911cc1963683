"""One seed: make the scenario, run it against the engine, let the oracle judge."""

from __future__ import annotations

from dataclasses import dataclass

from syncara.testing.coverage import Coverage
from syncara.testing.oracle import Oracle
from syncara.testing.rules import Violation
from syncara.testing.scenario import scenario
from syncara.testing.world import Stuck, World


@dataclass(frozen=True)
class Report:
    """What a simulation that held went through."""

    seed: int
    coverage: Coverage
    events: int
    processes: int
    statuses: tuple[str, ...]
    """The final statuses of its runs."""
    trace: tuple[str, ...]
    """Every committed event in order, for comparing two replays."""


class SimulationFailure(AssertionError):
    """The engine broke a rule. `str()` of it says which, with the end of the journal and how to replay."""

    def __init__(self, seed: int, message: str, excerpt: str) -> None:
        self.seed = seed
        self.message = message
        self.excerpt = excerpt
        replay = f"python -m syncara.testing --start {seed} --seeds 1"
        super().__init__(f"seed {seed}: {message}\n{excerpt}\nreplay: {replay}")


def simulate(seed: int) -> Report:
    """Run the scenario of a seed against the real engine, in virtual time. Raises SimulationFailure."""
    world = World(scenario(seed))
    evidence, coverage = world.evidence, Coverage()
    oracle = Oracle(evidence, coverage)
    stuck = ""
    try:
        world.run()
    except Stuck as error:
        stuck = f"every execution ends: {error}"
    except Exception as error:
        raise SimulationFailure(seed, f"an error that no caller expects: {error!r}", "") from error
    try:
        oracle.judge()
    except Violation as violation:
        stuck = f"{violation}" + (f" ({stuck})" if stuck else "")
        raise SimulationFailure(seed, f"{stuck}\nat {oracle.where}", oracle.excerpt()) from violation
    if stuck:
        raise SimulationFailure(seed, stuck, oracle.excerpt())
    journals = evidence.journals.values()
    return Report(
        seed=seed,
        coverage=coverage,
        events=sum(journal.committed for journal in journals),
        processes=len(evidence.processes),
        statuses=tuple(fold.status for fold in oracle.folds.values()),
        trace=tuple(repr(t) for journal in journals for t in journal.transactions),
    )
