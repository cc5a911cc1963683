"""From the text of a reply to commands: `scan` reads the codes. It is loaded when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncara.shortcodes.scanner import Call, scan

__all__ = ["Call", "scan"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from syncara.shortcodes import scanner  # noqa: PLC0415

    return getattr(scanner, name)
