"""The guide typed into one script: `python -m tests.acceptance.guide_script [BLOCK ...] [--wait]`.

The blocks run in one namespace, on the package's own processor. Then the script ends, as scripts do; with --wait it
first waits until no run is open.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from syncara import multi_step_processor
from tests.acceptance.guide import EVERYTHING, read_guide


async def main(*arguments: str) -> None:
    guide = read_guide()
    names: dict[str, Any] = {}
    exec(EVERYTHING, names)  # noqa: S102 - so that blocks find what they use without importing it
    del names["multi_step_processor"]  # which the first block imports
    for number in arguments:
        if number != "--wait":
            await guide[int(number)].run(names)
    if "--wait" in arguments:
        for execution in multi_step_processor.list_executions():
            await multi_step_processor.wait(execution.id)


asyncio.run(main(*sys.argv[1:]))
