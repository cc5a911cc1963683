"""For tests: time that jumps instead of passing, runs to their end at once, and the seeded simulator of the engine.

    execution = run_to_end({"name": "Order", "steps": [...]}, {"charge": charge}, context={"amount": 3})
    assert execution.status == "completed"

`python -m syncara.testing --seeds 1000` runs the simulator.
"""

from __future__ import annotations

from syncara.stores.memory import MemoryDisk, MemoryStore
from syncara.testing.clock import FakeClock, VirtualLoop
from syncara.testing.run import run_to_end
from syncara.testing.simulation import Report, SimulationFailure, simulate

__all__ = [
    "FakeClock",
    "MemoryDisk",
    "MemoryStore",
    "Report",
    "SimulationFailure",
    "VirtualLoop",
    "run_to_end",
    "simulate",
]
