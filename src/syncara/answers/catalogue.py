"""The sentences of answers, in each language: `en.toml` and `id.toml`, beside this file.

Both have the same keys, but for `command.…`: what English help says of commands stands in their declarations.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

Entry = str | dict[str, str]
"""A sentence with `{placeholders}`, or two of them: `one` and `other`."""


def phrase(language: Language, key: str, n: int | None = None) -> str:
    """The sentence of that key; for the number `n`, where it matters. Raises KeyError."""
    entry = catalogue(language)[key]
    return entry if isinstance(entry, str) else entry["one" if n == 1 else "other"]


def known(key: str) -> bool:
    """Whether there is such a sentence in a language that needs one."""
    return any(key in sentences for sentences in _catalogues().values())


def catalogue(language: Language) -> dict[str, Entry]:
    """Every sentence of a language by its key, such as `run.completed`. Raises KeyError for an unknown language."""
    return _catalogues()[language]


@cache
def _catalogues() -> dict[Language, dict[str, Entry]]:
    folder = resources.files(__package__)
    return {each: dict(_flat(tomllib.loads((folder / f"{each}.toml").read_text("utf-8")))) for each in LANGUAGES}


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Entry]]:
    for name, value in table.items():
        if isinstance(value, str) or value.keys() == {"one", "other"}:
            yield prefix + name, value
        else:
            yield from _flat(value, f"{prefix}{name}.")
