"""Replies and codes to read."""

from __future__ import annotations

from syncara.commands import COMMANDS
from syncara.shortcodes import Call, scan
from tests.acceptance.guide import GUIDE
from tests.docs.pages import Fence, fences


def guide_replies() -> list[Fence]:
    """The blocks of the guide that hold shortcodes, in reading order; none where the guide is absent."""
    if not GUIDE.exists():
        return []
    return [fence for fence in fences(GUIDE.read_text("utf-8")) if not fence.language and "[MULTISTEP:" in fence.text]


def seeds() -> list[str]:
    """Texts with codes that are right."""
    return [fence.text for fence in guide_replies()] + [command.example for command in COMMANDS.values()]


def only(text: str) -> Call:
    """The one code of a text."""
    (call,) = scan(text)
    return call


def right(text: str) -> Call:
    """The one code of a text, which has to be right."""
    call = only(text)
    assert call.error is None, str(call.error)
    return call
