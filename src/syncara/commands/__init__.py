"""What a person or an assistant can ask for. Importing this declares every command that ships."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

# isort: off
# Whoever lists the commands lists them in this order.
from syncara.commands import workflows, plans, runs, looking, advanced, group

# isort: on
from syncara.commands.registry import COMMANDS, Command, outside

__all__ = ["COMMANDS", "Command", "advanced", "available", "group", "looking", "plans", "runs", "workflows"]


def available(shortcodes: Iterable[str]) -> dict[str, Command]:
    """All that can be asked for, by shortcode: what ships, and the `shortcodes` that were registered."""
    more = {
        name: outside(name, partial(group.run_outside, shortcode=name)) for name in shortcodes if name not in COMMANDS
    }
    return {**COMMANDS, **more}
