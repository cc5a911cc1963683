"""A text that is changed bit by bit, with what stands in the place of which stretches of the original."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Edit(NamedTuple):
    """What is put in the place of a stretch of a text."""

    start: int
    end: int
    text: str


class Edited:
    def __init__(self, original: str, patches: Iterable[Edit] = ()) -> None:
        self.original = original
        self.patches = list(patches)
        """What stands in the place of which stretches of the original: disjoint, in their order."""

    @property
    def text(self) -> str:
        parts, end = [], 0
        for patch in self.patches:
            parts += [self.original[end : patch.start], patch.text]
            end = patch.end
        return "".join([*parts, self.original[end:]])

    def places(self) -> list[tuple[int, int]]:
        """Where each patch stands in the text as it is now."""
        found, shift = [], 0
        for patch in self.patches:
            start = patch.start + shift
            found.append((start, start + len(patch.text)))
            shift += len(patch.text) - (patch.end - patch.start)
        return found

    def apply(self, edits: Iterable[Edit]) -> None:
        """Edits of the text as it is now; one that overlaps another that comes before it is left out."""
        taken: list[Edit] = []
        for edit in sorted(edits):
            if not taken or edit.start >= taken[-1].end:
                taken.append(edit)
        for edit in reversed(taken):
            self._apply(edit)

    def _apply(self, edit: Edit) -> None:
        """The patches that an edit touches become one with it."""
        before: list[Edit] = []
        touched: list[tuple[Edit, int, int]] = []
        after: list[Edit] = []
        for patch, (start, end) in zip(self.patches, self.places(), strict=True):
            if end <= edit.start:
                before.append(patch)
            elif start >= edit.end:
                after.append(patch)
            else:
                touched.append((patch, start, end))
        shift = sum(len(patch.text) - (patch.end - patch.start) for patch in before)
        start, head = edit.start - shift, ""
        if touched and touched[0][1] < edit.start:
            patch, at, _ = touched[0]
            start, head = patch.start, patch.text[: edit.start - at]
        shift += sum(len(patch.text) - (patch.end - patch.start) for patch, _, _ in touched)
        end, tail = edit.end - shift, ""
        if touched and touched[-1][2] > edit.end:
            patch, at, _ = touched[-1]
            end, tail = patch.end, patch.text[edit.end - at :]
        self.patches = [*before, Edit(start, end, head + edit.text + tail), *after]
