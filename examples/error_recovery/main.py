"""Error recovery: a trip is booked; the hotel fails for good, so what was booked is given back, and the run says so.

    python main.py [DATABASE]

The exit code is 1 when something is not as stated.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from syncara import Execution, MultiStepProcessor, NonRetryableError

DEFINITION: dict[str, Any] = {
    "name": "Book a trip",
    "steps": [
        {"name": "Hold seat", "handler": "hold", "params": {"what": "seat 12A"}},
        {
            "name": "Book flight",
            "handler": "book_flight",
            "dependencies": ["Hold seat"],
            "retry_count": 3,
            "retry_delay": 0.2,
        },
        {"name": "Book hotel", "handler": "book_hotel", "dependencies": ["Book flight"]},
        # Nice to have: the trip goes on without it.
        {"name": "Choose meal", "handler": "choose_meal", "dependencies": ["Book hotel"], "on_error": "continue"},
        {
            "name": "Send tickets",
            "handler": "send_message",
            "params": {"text": "Here are your tickets"},
            "dependencies": ["Choose meal"],
        },
        # From here on: what happens when something above has failed.
        {
            "name": "Cancel flight",
            "handler": "cancel_flight",
            "params": {"booking": "{steps.Book flight.data}"},
            "dependencies": ["Book hotel"],
            "run_when": "any_failed",
            # The flight is only given back when there is one.
            "condition": "steps['Book flight'].status == 'completed'",
        },
        {
            "name": "Apologize",
            "handler": "send_message",
            "params": {"text": "No trip this time: {context.failed_step} failed ({context.last_error})"},
            "condition": "context.get('failed_step') == 'Book hotel'",
        },
        {
            "name": "Release seat",
            "handler": "release",
            "params": {"what": "seat 12A"},
            "dependencies": ["Hold seat", "Book flight", "Book hotel", "Send tickets"],
            "run_when": "all_settled",
        },
    ],
}


class World:
    """What is held and booked outside."""

    def __init__(self, *, hotel_has_rooms: bool) -> None:
        self.hotel_has_rooms = hotel_has_rooms
        self.held: set[str] = set()
        self.flights: set[str] = set()

    async def hold(self, step: Any, execution: Any) -> None:
        self.held.add(step.params["what"])

    async def release(self, step: Any, execution: Any) -> None:
        self.held.discard(step.params["what"])

    async def book_flight(self, step: Any, execution: Any) -> str:
        if execution.attempt < 3:
            raise ConnectionError("the airline does not answer")
        booking = f"flight {execution.idempotency_key}"
        self.flights.add(booking)
        return booking

    async def cancel_flight(self, step: Any, execution: Any) -> None:
        self.flights.discard(step.params["booking"])

    async def choose_meal(self, step: Any, execution: Any) -> None:
        raise NonRetryableError("there are no meals on this flight")

    async def book_hotel(self, step: Any, execution: Any) -> str:
        if not self.hotel_has_rooms:
            raise NonRetryableError("the hotel is full")
        return "room 7"

    def register(self, processor: MultiStepProcessor) -> None:
        for name in ("hold", "release", "book_flight", "cancel_flight", "choose_meal", "book_hotel"):
            processor.register_handler(name, getattr(self, name))


async def trip(database: Path, world: World) -> Execution:
    processor = MultiStepProcessor(database)
    world.register(processor)
    async with processor:
        done = await processor.wait(await processor.execute_workflow(processor.define(DEFINITION), chat_id=7))
    print(f"\n{done.workflow_name}: {done.status}, {done.progress:.0f} %")
    for step in done.steps.values():
        print(
            f"  {step.name:13} {step.status:9}  attempts: {step.attempts}  {step.error or step.reason or ''}".rstrip()
        )
    print()
    return done


async def main(database: Path) -> None:
    world = World(hotel_has_rooms=False)
    done = await trip(database, world)
    status = {name: str(step.status) for name, step in done.steps.items()}
    expect("a run with a failed step is failed, also when it recovered", "failed", str(done.status))
    expect("its error names the hotel", True, "the hotel is full" in str(done.error))
    expect("the flight was retried until it worked", 3, done.steps["Book flight"].attempts)
    expect("the tickets were not sent", "skipped", status["Send tickets"])
    expect("nothing stays booked", (set(), set()), (world.held, world.flights))
    expect("the customer was told", "completed", status["Apologize"])

    world = World(hotel_has_rooms=True)
    done = await trip(database, world)
    status = {name: str(step.status) for name, step in done.steps.items()}
    expect("a meal that is not to be had does not stop the trip", "completed_with_errors", str(done.status))
    expect("the tickets were sent", "completed", status["Send tickets"])
    expect("there was nothing to give back", {"skipped"}, {status["Cancel flight"], status["Apologize"]})
    expect("the seat is not held any longer, the flight is booked", (0, 1), (len(world.held), len(world.flights)))


def expect(claim: str, expected: object, actual: object) -> None:
    if expected != actual:
        sys.exit(f"not as stated: {claim}: expected {expected!r}, found {actual!r}")
    print("✓", claim)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "trips.db"))
