"""Whether a step's settled dependencies let it start."""

from __future__ import annotations

from collections.abc import Sequence

from syncara.core import events as e
from syncara.core.graph import Plan
from syncara.core.node import CANCELLED, COMPLETED, FAILED, SKIPPED, Node


def run_when(plan: Plan, nodes: Sequence[Node | None], i: int) -> tuple[bool, str]:
    """Whether the settled dependencies of a step let it start; if not, the code of its skip."""
    dependencies = plan.dependencies[i]
    if not dependencies:
        return True, ""
    succeeded = failed = hard = 0
    for dependency in dependencies:
        node = nodes[dependency]
        assert node is not None
        tolerated = node.status is FAILED and plan.steps[dependency].on_error == "continue"
        if node.status is COMPLETED or tolerated:
            succeeded += 1
        skipped = node.status is SKIPPED and node.code in e.SKIPPED_BY_FAILURE
        if node.status is FAILED or node.status is CANCELLED or skipped:
            failed += 1
            hard += not tolerated
    rule = plan.steps[i].run_when
    met = {
        "none_failed": hard == 0 and succeeded > 0,
        "all_succeeded": succeeded == len(dependencies),
        "any_succeeded": succeeded > 0,
        "all_settled": True,
        "any_failed": failed > 0,
    }[rule]
    return met, "" if met else "upstream_failed" if hard else "not_needed"
