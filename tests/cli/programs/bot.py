"""A workflow whose handler waits until there is a file `go` in the working directory, and notes each call."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from syncara import multi_step_processor

CALLS, GO = Path("calls"), Path("go")


def may_go(step: Any) -> bool:
    with CALLS.open("a") as calls:
        calls.write(f"{step.name}\n")
    return GO.exists()


@multi_step_processor.register_handler("hold", ai=True)
async def hold(step: Any, execution: Any) -> str:
    go = may_go(step)
    print(f"{step.name} is called", flush=True)
    if not go:
        await asyncio.Event().wait()
    return "held"


workflow = {
    "name": "Bot",
    "steps": [
        {"name": "First", "handler": "set_context", "params": {"key": "first", "value": 1}},
        {"name": "Hold", "handler": "hold", "dependencies": ["First"], "save_as": "result"},
        {"name": "Last", "handler": "log", "params": {"message": "done"}, "dependencies": ["Hold"]},
    ],
}
