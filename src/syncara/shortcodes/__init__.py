"""From the text of a reply to commands: `scan` reads the codes."""

from syncara.shortcodes.scanner import Call, scan

__all__ = ["Call", "scan"]
