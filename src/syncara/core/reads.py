"""What conditions and templates read of an execution's steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from syncara.core.board import Board
from syncara.core.node import PENDING


def steps_view(board: Board, reads: Iterable[tuple[str, str | None]]) -> dict[str, dict[str, Any]]:
    """`{name: {"status", "data"}}` of the steps in `reads`; of all when one of them is computed."""
    names: list[str] = []
    for kind, name in reads:
        if kind == "steps":
            if name is None:
                names = [step.name for step, node in zip(board.plan.steps, board.nodes, strict=True) if node]
                break
            names.append(name)
    view = {}
    for name in names:
        i = board.plan.index.get(name)
        node = board.nodes[i] if i is not None else None
        if node is not None:
            view[name] = {"status": str(node.status), "data": node.data}
        elif i is not None:
            view[name] = {"status": str(PENDING), "data": None}
    return view
