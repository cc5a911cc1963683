"""What people read, before it has a language and a form: lines, made of parts. It can be stored as JSON."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="part", tag=str.lower):
    pass


class Text(Part, frozen=True):
    """Somebody's words, as they are: a name, an error, a result. Nothing in them formats, links or leaves the line."""

    text: str


class Strong(Part, frozen=True):
    """Somebody's words, emphasised."""

    text: str


class Code(Part, frozen=True):
    """An id, a condition or a shortcode: to be read, or copied, letter by letter."""

    text: str


class Icon(Part, frozen=True):
    """A picture of icons.py, by its name."""

    name: str


class Bar(Part, frozen=True):
    """A progress bar; `percent` is 0 to 100."""

    percent: float


class Message(Part, frozen=True, omit_defaults=True):
    """A sentence of the catalogues. The argument `n` is the number that chooses between singular and plural."""

    key: str
    args: dict[str, Text | Strong | Code | Icon | Bar | Message | Wording | int] = {}


class Wording(Part, frozen=True):
    """What the engine has in English words of its own, and other languages say with their catalogue."""

    english: Text | Message
    other: Text | Message


AnyPart = Text | Strong | Code | Icon | Bar | Message | Wording


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """Parts, with a space between them."""

    parts: tuple[AnyPart, ...]
    depth: int | None = None
    """How deep the item stands in its list or tree; None: the line is no item."""


class Answer(msgspec.Struct, frozen=True):
    """An empty line separates items from lines that are none."""

    lines: tuple[Line, ...]


def message(key: str, **args: AnyPart | int) -> Message:
    return Message(key, dict(args))
