"""Handlers of one's own: typed params, coroutines and plain functions, context, retries, a charge made only once.

    python main.py [DATABASE]

Started again on a database in which the run was cut off, it goes on with that run. The exit code is 1 when something
is not as stated.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec

from syncara import Execution, MultiStepProcessor, NonRetryableError, StepResult, ValidationError

PRICES = {"tea": 3.5, "cup": 8.0}


class Line(msgspec.Struct, forbid_unknown_fields=True):
    article: str
    count: Annotated[int, msgspec.Meta(ge=1)]


class QuoteParams(msgspec.Struct, forbid_unknown_fields=True):
    """What the handler `quote` takes. Anything else is refused before a run starts."""

    lines: list[Line]
    discount_percent: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0


DEFINITION: dict[str, Any] = {
    "name": "Order",
    "steps": [
        {
            "name": "Quote",
            "handler": "quote",
            "params": {
                "lines": [{"article": "tea", "count": 4}, {"article": "cup", "count": 1}],
                "discount_percent": 50,
            },
        },
        {
            "name": "Charge",
            "handler": "charge",
            "params": {"customer": "{context.user_id}", "amount": "{context.amount}"},
            "dependencies": ["Quote"],
            "retry_delay": 0.1,
            "save_as": "receipt",
        },
        {
            "name": "Write invoice",
            "handler": "write_invoice",
            "params": {"receipt": "{context.receipt}"},
            "dependencies": ["Charge"],
        },
        {
            "name": "Credit points",
            "handler": "execute_shortcode",
            "params": {"shortcode": "ACCOUNT:CREDIT", "params": "11 points"},
            "dependencies": ["Charge"],
        },
    ],
}


class Notes:
    """An append-only file in which handlers note when an attempt begins and how it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def during(self, step: str, attempt: int, key: str) -> Iterator[None]:
        self._add(f"begin  {step}, attempt {attempt}")
        try:
            yield
        except Exception as error:
            self._add(f"fail   {step}, attempt {attempt}: {error}")
            raise
        self._add(f"end    {step}, attempt {attempt}")

    def _add(self, line: str) -> None:
        with self.path.open("a") as file:
            file.write(line + "\n")


class Bank:
    """Charges in an append-only file. A key that it has seen gets the receipt of the first time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def charges(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def charge(self, customer: int, amount: float, key: str) -> str:
        charges = self.charges()
        known = [n for n, each in enumerate(charges) if each["key"] == key]
        if not known:
            with self.path.open("a") as file:
                file.write(json.dumps({"customer": customer, "amount": amount, "key": key}) + "\n")
        return f"receipt {known[0] + 1 if known else len(charges) + 1}"


def register(processor: MultiStepProcessor, notes: Any, bank: Bank) -> None:
    @processor.register_handler("quote", params=QuoteParams)
    async def quote(step: Any, execution: Any) -> float:
        """A coroutine with typed params; what it sets in the context is kept when it succeeds."""
        with notes.during(step.name, execution.attempt, execution.idempotency_key):
            total = sum(PRICES[line.article] * line.count for line in step.params.lines)
            execution.context["amount"] = total * (1 - step.params.discount_percent / 100)
            return execution.context["amount"]  # type: ignore[no-any-return]

    @processor.register_handler("charge")
    async def charge(step: Any, execution: Any) -> str:
        """The bank's answer to the first attempt is lost; the key keeps the second from charging again."""
        with notes.during(step.name, execution.attempt, execution.idempotency_key):
            receipt = bank.charge(step.params["customer"], step.params["amount"], execution.idempotency_key)
            await asyncio.sleep(0.1)
            if execution.attempt == 1:
                raise ConnectionError("the bank's answer was lost")
            return receipt

    @processor.register_handler("write_invoice")
    def write_invoice(step: Any, execution: Any) -> StepResult:
        """A plain function runs in a thread, so that it may take its time; a StepResult can say more than a value."""
        with notes.during(step.name, execution.attempt, execution.idempotency_key):
            time.sleep(0.1)
            if not step.params["receipt"]:
                raise NonRetryableError("nothing was paid, so there is nothing to invoice")
            return StepResult(success=True, data=f"Invoice for {step.params['receipt']}", metadata={"pages": 1})

    async def credit(params: str, execution: Any) -> dict[str, str]:
        """A shortcode is a function of one text."""
        with notes.during("Credit points", execution.attempt, execution.idempotency_key):
            return {"credited": params}

    processor.register_shortcode("ACCOUNT:CREDIT", credit)


async def run(database: Path) -> None:
    processor = MultiStepProcessor(database)
    notes, bank = Notes(database.with_suffix(".notes")), Bank(database.with_suffix(".bank"))
    register(processor, notes, bank)
    async with processor:
        known = processor.list_workflows()
        workflow_id = known[0].id if known else processor.define(DEFINITION)
        # The same key is the same run: a second start of this script joins the first one's.
        execution_id = await processor.execute_workflow(workflow_id, {"user_id": 42}, idempotency_key="order")
        done = await processor.wait(execution_id)
        print(notes.path.read_text())
        check(done, bank)
        await check_typed_params(processor)


def check(done: Execution, bank: Bank) -> None:
    invoice = done.steps["Write invoice"].result
    expect("the run is completed", "completed", str(done.status))
    expect("the price came from typed params", 11.0, done.context["amount"])
    expect("the first attempt failed, the second did not", 2, done.steps["Charge"].attempts)
    expect("the customer was charged once", [(42, 11.0)], [(c["customer"], c["amount"]) for c in bank.charges()])
    expect("the receipt went through the context", "receipt 1", done.context["receipt"])
    expect(
        "the invoice has data and metadata",
        ("Invoice for receipt 1", {"pages": 1}),
        invoice and (invoice.data, invoice.metadata),
    )


async def check_typed_params(processor: MultiStepProcessor) -> None:
    """Params that do not fit are refused, all problems at once, and nothing runs."""
    params = {"lines": [{"article": "tea", "count": 0}], "discount_percent": 150, "dicount": 5}
    wrong = processor.define({"name": "Wrong", "steps": [{"name": "Quote", "handler": "quote", "params": params}]})
    try:
        await processor.execute_workflow(wrong)
    except ValidationError as error:
        found = [problem.code for problem in error.problems]
        print("\n".join(f"  {problem}" for problem in error.problems))
    else:
        found = []
    processor.delete_workflow(wrong)
    expect("three wrong params are three problems", ["invalid_params"] * 3, found)


def expect(claim: str, expected: object, actual: object) -> None:
    if expected != actual:
        sys.exit(f"not as stated: {claim}: expected {expected!r}, found {actual!r}")
    print("✓", claim)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "orders.db"))
