"""Names that were left out, and that the rest of the reply tells."""

from __future__ import annotations

import re

from syncara.shortcodes.repair.known import ADD_STEP, Known
from syncara.shortcodes.repair.step_names import ALIAS
from syncara.shortcodes.repair.words import plain

_CALLED = (
    r"\b(?:call(?:ed|ing)? it|called|named|titled|name(?:d)?(?: it)?(?: is)?(?: will be)?|title(?: is)?"
    r"|bernama|berjudul|dinamakan|dinamai|disebut|judul(?:nya)?|(?:ku|saya |kami |di)?beri(?:kan)? nama"
    r"|nama(?:nya)?(?: adalah| ialah)?)\b"
)
_NAME = re.compile(
    rf"{_CALLED}\s*[:=]?\s*(?:[*_]{{1,3}}|[\"“'‘«`])?(?P<name>[A-Z0-9][^\n*_\"”'’»`.,;:!?()\[\]]{{1,80}})",
    re.IGNORECASE,
)
_EMPHASIS = re.compile(r"\*\*([^*\n]{2,80})\*\*|[\"“]([^\"”\n]{2,80})[\"”]")
_END = re.compile(
    r"\s+(?:ya|yah|dan|and|so|which|that|yang|untuk|for|is|agar|now|sekarang|dulu|lalu|then|with|dengan)\b.*",
    re.IGNORECASE,
)


def missing(known: Known, place: int) -> str | None:
    """The name of what the code at a place makes: by what other codes call it, or the prose does."""
    if known.paper.calls[place].shortcode == ADD_STEP:
        return _of_step(known)
    unknown = [written for written, first in known.unknown_workflows.items() if first > place and " " in written]
    if len(unknown) == 1:
        return unknown[0]
    prose = known.prose
    named = [
        found["name"] for found in _NAME.finditer(prose) if found["name"][0].isupper() or found["name"][0].isdecimal()
    ]
    if not named:
        named = [one or other for one, other in _EMPHASIS.findall(prose)]
    names = {plain(name): _END.sub("", name).strip() for name in named}
    return next(iter(names.values())) if len(names) == 1 else None


def _of_step(known: Known) -> str | None:
    """The only step that others wait for, and that there is not."""
    calls = [call for call in known.paper.calls if call.shortcode == ADD_STEP]
    names = {plain(str(call.args.get("name", ""))) for call in calls}
    waited = {name: None for call in calls for name in call.args.get("dependencies", []) if plain(name) not in names}
    found = [name for name in waited if ALIAS.fullmatch(name) is None]
    nameless = sum("name" not in call.args for call in calls)
    return found[0] if len(found) == nameless == 1 else None
