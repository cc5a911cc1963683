"""The pictures of answers. What has the same status has the same picture, a run as well as a step."""

from __future__ import annotations

ICONS = {
    # Statuses.
    "scheduled": "🕒",
    "awaiting_approval": "✋",
    "pending": "▫️",
    "running": "⏳",
    "delayed": "💤",
    "retrying": "🔁",
    "waiting": "✋",
    "blocked": "🚧",
    "paused": "⏸️",
    "completed": "✅",
    "completed_with_errors": "⚠️",
    "failed": "❌",
    "skipped": "⏭️",
    "cancelled": "⏹️",
    # What else answers speak of.
    "workflow": "📋",
    "step": "🔹",
    "then": "↳",
    "task": "◦",
    "added": "\N{HEAVY PLUS SIGN}",
    "started": "🚀",
    "resumed": "▶️",
    "deleted": "🗑️",
    "outside": "📨",
    "unchanged": "💬",
    "refused": "🚫",
    "allowed": "🟢",
    "approved": "✅",
    "expired": "⌛",
    "problem": "🔸",
    "help": "💡",
    # What a step does to the world, by `policy.effects.Kind`.
    "message": "✉️",
    "web": "🌐",
    "file": "📄",
    "collection": "🗂️",
    "shortcode": "📨",
    "custom": "🔧",
    "none": "🔹",
    "dot": "·",
    "more": "…",
}
BAR_CELLS = 10
_FULL, _EMPTY = "▓", "░"


def bar(percent: float) -> str:
    """`▓▓▓▓░░░░░░`; only 100 % fills it."""
    full = max(0, min(BAR_CELLS, int(percent * BAR_CELLS / 100 + 1e-6)))
    return _FULL * full + _EMPTY * (BAR_CELLS - full)
