"""One broken reply of the corpus."""

from __future__ import annotations

from pathlib import Path

import msgspec

HERE = Path(__file__).parent


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    class_: str = msgspec.field(name="class")
    language: str
    text: str
    meant: list[str]
    setup: list[str] = []
    why: str = ""


def entries(part: str) -> list[Entry]:
    """The part of a name: `tuned`, `held`, `fresh` or `certain`."""
    lines = (HERE / f"broken_{part}.jsonl").read_text("utf-8").splitlines()
    return [msgspec.json.decode(line, type=Entry) for line in lines]
