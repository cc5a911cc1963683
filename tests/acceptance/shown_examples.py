"""Scripts of `examples/` as runs for the rig: their workflows and handlers, which write into the rig's own file."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from syncara import MultiStepProcessor
from tests.acceptance.rig_effects import Effects
from tests.acceptance.rig_examples import Example

FOLDER = Path(__file__).parents[2] / "examples"


def load(name: str) -> ModuleType:
    """The module `examples/<name>/main.py`."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / name / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pipeline, broadcast, custom_handlers = load("pipeline"), load("broadcast"), load("custom_handlers")


def register_nothing(processor: MultiStepProcessor, effects: Effects) -> None:
    """The broadcast has built-in handlers only."""


def register_custom_handlers(processor: MultiStepProcessor, effects: Effects) -> None:
    custom_handlers.register(processor, effects, custom_handlers.Bank(Path(os.devnull)))


# No step is caught under way by three kills of one run: it would be taken for the cause, and failed.
EXAMPLES = {
    "pipeline": Example(
        pipeline.DEFINITION,
        pipeline.register,
        {"summaries": [pipeline.SUMMARY]},
        [
            ["begin:Load orders", "begin:Total north", "begin:Rates/GBP", "begin:Store summary", "begin:Tell operator"],
            ["end:Load orders", "end:Total south", "end:Rates/USD", "end:Store summary", "end:Tell operator"],
            ["begin:Rates/USD", "end:Total north", "begin:Store summary", "end:Tell operator"],
            ["commit:1", "commit:2", "commit:3", "commit:2", "commit:1", "commit:1"],
        ],
    ),
    "broadcast": Example(
        broadcast.DEFINITION,
        register_nothing,
        {"broadcasts": [{"asked": 8, "not_reached": []}]},
        [
            ["begin:To Ana", "begin:To Dmitri", "begin:To Goro", "begin:Report"],
            ["end:To Ben", "end:To Emeka", "end:To Hana", "end:Report"],
            ["begin:To Chloe", "end:To Farah", "begin:To Hana"],
            ["commit:1", "commit:2", "end:To Goro"],
            ["commit:3", "end:To Dmitri", "commit:2"],
            ["commit:2", "begin:To Farah", "end:Report"],
        ],
    ),
    "custom_handlers": Example(
        custom_handlers.DEFINITION,
        register_custom_handlers,
        {},
        [
            ["begin:Quote", "begin:Charge#1", "begin:Charge#2", "begin:Credit points", "begin:Write invoice"],
            ["end:Quote", "fail:Charge#1", "end:Charge#2", "end:Write invoice"],
            ["commit:4", "begin:Charge#2", "end:Credit points", "begin:Write invoice"],
            ["commit:1", "commit:2", "commit:3", "commit:2"],
            ["commit:3", "begin:Credit points", "commit:2"],
        ],
    ),
}
