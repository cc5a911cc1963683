"""A pipeline: load orders, total each region and fetch the rates side by side, store one summary, tell the operator.

    python main.py [DATABASE]

Started again on a database in which the run was cut off, it goes on with that run. The exit code is 1 when something
is not as stated.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncara import Execution, MultiStepProcessor

ORDERS = [
    {"region": "north", "amount": 120},
    {"region": "south", "amount": 80},
    {"region": "north", "amount": 45},
    {"region": "west", "amount": 300},
    {"region": "south", "amount": 15},
]
REGIONS = ("north", "south", "west")
RATES = {"USD": 1.25, "GBP": 0.8}
WORK_S = 0.1
"""How long each piece of work takes."""
BAR_CHARS = 40

DEFINITION: dict[str, Any] = {
    "name": "Sales of the day",
    "max_parallel_steps": 5,
    "steps": [
        {"name": "Load orders", "handler": "load_orders", "save_as": "orders"},
        *(
            {
                "name": f"Total {region}",
                "handler": "total",
                "params": {"orders": "{context.orders}", "region": region},
                "dependencies": ["Load orders"],
            }
            for region in REGIONS
        ),
        {
            "name": "Rates",
            "handler": "parallel_group",
            "params": {"tasks": [{"name": each, "handler": "rate", "params": {"currency": each}} for each in RATES]},
            "dependencies": ["Load orders"],
        },
        {
            "name": "Store summary",
            "handler": "database_operation",
            "params": {
                "operation": "insert",
                "collection": "summaries",
                "data": {
                    "totals": {region: f"{{steps.Total {region}.data}}" for region in REGIONS},
                    "rates": "{steps.Rates.data}",
                },
            },
            "dependencies": [*(f"Total {region}" for region in REGIONS), "Rates"],
        },
        {
            "name": "Tell operator",
            "handler": "notification",
            "params": {"message": "Sold in the west: {steps.Total west.data}", "type": "success"},
            "dependencies": ["Store summary"],
        },
    ],
}
HANDLED = ["Load orders", *(f"Total {region}" for region in REGIONS), *(f"Rates/{each}" for each in RATES)]
SUMMARY = {"totals": {"north": 165, "south": 95, "west": 300}, "rates": RATES}


class Notes:
    """An append-only file in which handlers note when an attempt begins and how it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def during(self, step: str, attempt: int, key: str) -> Iterator[None]:
        self._add(step, attempt, key, "begin")
        yield
        self._add(step, attempt, key, "end")

    def _add(self, step: str, attempt: int, key: str, what: str) -> None:
        line = {"pid": os.getpid(), "step": step, "attempt": attempt, "key": key, "what": what}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


class Operator:
    """Where notifications go; a real one would page somebody."""

    async def notify(self, message: str, type: str, *, idempotency_key: str) -> None:
        print(f"to the operator ({type}): {message}")


def register(processor: MultiStepProcessor, notes: Any) -> None:
    @processor.register_handler("load_orders")
    async def load_orders(step: Any, execution: Any) -> list[dict[str, Any]]:
        with notes.during(step.name, execution.attempt, execution.idempotency_key):
            await asyncio.sleep(WORK_S)
            return ORDERS

    @processor.register_handler("total")
    async def total(step: Any, execution: Any) -> int:
        with notes.during(step.name, execution.attempt, execution.idempotency_key):
            await asyncio.sleep(WORK_S)
            return sum(each["amount"] for each in step.params["orders"] if each["region"] == step.params["region"])

    @processor.register_handler("rate")
    async def rate(step: Any, execution: Any) -> float:
        with notes.during(step.name, execution.attempt, execution.idempotency_key):
            await asyncio.sleep(WORK_S)
            return RATES[step.params["currency"]]


async def run(database: Path, notes: Notes) -> None:
    processor = MultiStepProcessor(database, notifier=Operator())
    register(processor, notes)
    async with processor:
        known = processor.list_workflows()
        workflow_id = known[0].id if known else processor.define(DEFINITION)
        # The same key is the same run: a second start of this script joins the first one's.
        execution_id = await processor.execute_workflow(workflow_id, idempotency_key="sales")
        done = await processor.wait(execution_id)
        report(done)
        summaries = await processor.documents.find("summaries", {}, projection={"_id": 0})
        check(done, summaries, notes)


def report(done: Execution) -> None:
    """A bar for each step, from its start to its end."""
    spans = [(step.name, step.started_at or 0.0, step.finished_at or 0.0) for step in done.steps.values()]
    begun = min(start for _, start, _ in spans)
    scale = BAR_CHARS / (max(end for _, _, end in spans) - begun)
    for name, start, end in spans:
        before, length = round((start - begun) * scale), max(1, round((end - start) * scale))
        print(f"{name:14} {' ' * before}{'█' * length}")


def check(done: Execution, summaries: list[dict[str, Any]], notes: Notes) -> None:
    lines = notes.read()
    expect("the run is completed", "completed", str(done.status))
    expect("each step is completed", {"completed"}, {str(step.status) for step in done.steps.values()})
    expect("the summary was stored once", [SUMMARY], summaries)
    expect("each handler came to its end", set(HANDLED), {line["step"] for line in lines if line["what"] == "end"})
    if len({line["pid"] for line in lines}) == 1:  # else the run was cut off, and time passed in between
        begins = [n for n, line in enumerate(lines) if line["step"] in HANDLED[1:] and line["what"] == "begin"]
        expect("the five pieces of work were under way together", list(range(2, 7)), begins)


def expect(claim: str, expected: object, actual: object) -> None:
    if expected != actual:
        sys.exit(f"not as stated: {claim}: expected {expected!r}, found {actual!r}")
    print("✓", claim)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "pipeline.db"
        asyncio.run(run(path, Notes(path.with_suffix(".notes"))))
