"""What words stand for: the tables of words.toml, and the name that is nearest to what was written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from syncara.commands.registry import Command, Field

ALIKE = 0.78
"""How much of two words must be the same for one to be taken for the other."""
WORD_CHARS_MAX = 60
SHORT_WORD, LONG_WORD, VERY_LONG_WORD = 4, 5, 8
"""Letters of a word in which a slip can be told from another word where there are few to choose from, and where there
are many (`Budi` is not `Rudi`); and of one in which there may be two slips."""
MEANINGS_CACHED = 4_096

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORDS_ONLY = re.compile(r"[\w -]{1,40}")
_WITHOUT = re.compile(r"(?:no|without|tanpa|tidak ada|belum ada)[ _]([\w ]{1,30})", re.IGNORECASE)
_BETWEEN = re.compile(r"[\W_]+")
_SEPARATED = re.compile(r"[\s_-]+")


@cache
def _words() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text("utf-8"))


@cache
def table(section: str) -> dict[str, tuple[str, ...]]:
    """What each word of a section stands for: names, in the order of the file; each also for itself."""
    found: dict[str, tuple[str, ...]] = {}
    for name, words in _words()[section].items():
        for word in (name, *words):
            found[plain(word)] = (*found.get(plain(word), ()), name)
    return found


def words(section: str, name: str) -> frozenset[str]:
    """The words of one line."""
    return frozenset(map(plain, _words()[section][name]))


def implied(handler: str) -> dict[str, Any]:
    """What a word for a handler says of its params."""
    word = plain(handler)
    return {
        param: value for param, values in _words()["implied"].items() for value, said in values.items() if word in said
    }


@lru_cache(MEANINGS_CACHED)
def plain(word: str) -> str:
    """In lower case, letters and digits only: what is compared."""
    return "".join(filter(str.isalnum, word.casefold()))


def parts(word: str) -> list[str]:
    """The words that a name is made of: `addStep`, `ADD_STEP` and `Add step` have the same."""
    return [part for part in _BETWEEN.split(_CAMEL.sub(" ", word).casefold()) if part]


def meaning(section: str, written: str, known: Iterable[str], *, alike: float = ALIKE) -> str | None:
    """The one of `known` that was written: as it is, by a synonym of the section, or with a slip in it."""
    return _meaning(section, written[: WORD_CHARS_MAX + 1], tuple(known), alike)


@lru_cache(MEANINGS_CACHED)
def _meaning(section: str, written: str, names: tuple[str, ...], alike: float) -> str | None:
    word = plain(written)
    if not word or len(written) > WORD_CHARS_MAX:
        return None
    same = written if written in names else next((name for name in names if plain(name) == word), None)
    if same is not None:
        return same
    meant = table(section).get(word) or table(section).get(word.removesuffix("s") if section == "values" else "", ())
    synonym = next((name for name in meant if name in names), None)
    found = synonym or nearest(written, names, alike)
    if found is not None or alike == 1 or section not in ("values", "handlers", "templates"):
        return found
    return _by_one_word(section, written, names)


def _by_one_word(section: str, written: str, names: Sequence[str]) -> str | None:
    """`find_all` for `find`: the only name that one of several words stands for."""
    said = parts(written) if _WORDS_ONLY.fullmatch(written) else []
    found = {name for word in said for name in names if plain(name) == word}
    if not found and len(said) > 1:
        meant = ([name for name in table(section).get(word, ()) if name in names] for word in said)
        found = {each[0] for each in meant if each}
    return found.pop() if len(found) == 1 and len(said) > 1 else None


def field_of(command: Command, label: str, *, alike: float = 0.8) -> Field | None:
    """The field that a label names."""
    name = meaning("fields", label, [field.name for field in command.fields], alike=alike)
    return next((field for field in command.fields if field.name == name), None)


def nearest(written: str, known: Sequence[str], alike: float = ALIKE) -> str | None:
    """The one of `known` that is nearest to what was written, if it is near, and nearer than any other."""
    word = plain(written)[:WORD_CHARS_MAX]
    best, found = alike, None
    for name in known:
        how = similarity(word, plain(name), least=best)
        if how > best or (how == best and found is None):
            best, found = how, name
        elif how == best:
            found = None
    return found


def similarity(one: str, other: str, least: float = 0) -> float:
    """From 0 to 1, with letters in each other's places counting as near; 0 for what is below `least`."""
    if one == other:
        return 1.0
    if 2 * min(len(one), len(other)) < least * (len(one) + len(other)):
        return 0
    if len(one) == len(other) >= 3 and sorted(one) == sorted(other):  # noqa: PLR2004 - `ab` and `ba` differ
        return 0.95
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= least else 0


def same(one: str, other: str) -> bool:
    """Whether two names have the same words, however these are separated and capitalised."""
    first, second = (_SEPARATED.split(_CAMEL.sub(" ", name.strip()).casefold()) for name in (one, other))
    return first == second


def slipped(written: str, name: str, least: int = LONG_WORD) -> bool:
    """Whether a name was written with a slip only: with all of its words and numbers, and a letter or two wrong in one.

    `least`: how long a word has to be for that.
    """
    if plain(written) == plain(name):
        return same(written, name) or not any(map(str.isdecimal, written))  # `1-2` is not `12`
    one, other = parts(written), parts(name)
    if len(one) == 1 < len(other):
        other = [plain(name)]
    wrong = [(word, meant) for word, meant in zip(one, other, strict=False) if word != meant]
    return len(one) == len(other) and len(wrong) == 1 and _is_slip(*wrong[0], least)


def has_another_word(written: str, name: str) -> bool:
    """Whether two names have as many words, and one of these is another: `Tell Ana`, `Tell Ina`."""
    return len(parts(written)) == len(parts(name)) > 1 and not slipped(written, name, least=SHORT_WORD)


def _is_slip(one: str, other: str, least: int) -> bool:
    """Whether a word is another one with letters missing, doubled, swapped or mistaken; at its start there are none."""
    short, long = sorted((one[:WORD_CHARS_MAX], other[:WORD_CHARS_MAX]), key=len)
    if len(long) < least or one[0] != other[0] or not (one + other).isalpha():
        return False
    longer = long == f"{short}s" or (long.startswith(short) and len(short) >= least)
    if one[-1] != other[-1] and sorted(one) != sorted(other) and not longer:
        return False  # `Putra` is not `Putri`
    return 0 < _wrong_letters(short, long) <= (2 if len(short) >= VERY_LONG_WORD else 1)


def _wrong_letters(one: str, other: str) -> int:
    """How many letters are to be put in, left out, changed or swapped with the next to make one word of the other."""
    before, row = list[int](), list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        last, before, row = before, row, [at]
        for to, wanted in enumerate(other, 1):
            row.append(min(before[to] + 1, row[-1] + 1, before[to - 1] + (letter != wanted)))
            if at > 1 and to > 1 and letter == other[to - 2] and wanted == one[at - 2]:
                row[-1] = min(row[-1], last[to - 2] + 1)
    return row[-1]


def sure_command(written: str, commands: Mapping[str, Command]) -> str | None:
    """The shortcode whose command was written and no other: by its name or its words, or with a slip in it.

    What is to be done to all of something is none, unless it is to look at it.
    """
    return _sure_command(
        written, tuple(commands), frozenset(name for name in commands if commands[name].kind == "reads")
    )


@lru_cache(MEANINGS_CACHED)
def _sure_command(written: str, shortcodes: tuple[str, ...], reading: frozenset[str]) -> str | None:
    names = {shortcode.partition(":")[2]: shortcode for shortcode in shortcodes}
    word, said = plain(written), parts(written)
    if not word or len(word) > WORD_CHARS_MAX:
        return None
    found = next((names[name] for name in names if plain(name) == word), None) or _spoken(said, shortcodes)
    if found is None:
        slips = [names[name] for name in names if slipped(written, name, least=3)]
        found = slips[0] if len(slips) == 1 else None
    return None if found not in reading and not words("empty", "all").isdisjoint(said) else found


def command(written: str, shortcodes: Sequence[str]) -> str | None:
    """The shortcode whose command was probably written; see `sure_command` for what may be acted upon."""
    names = {shortcode.partition(":")[2]: shortcode for shortcode in shortcodes}
    word = plain(written)
    same = next((names[name] for name in names if plain(name) == word), None)
    if same is not None or not word or len(word) > WORD_CHARS_MAX:
        return same
    slip = nearest(written, list(names), 0.9)
    spoken = None if slip else _spoken(parts(written), shortcodes)
    return spoken or names.get(slip or nearest(written, list(names)) or "")


def _spoken(said: Sequence[str], shortcodes: Sequence[str]) -> str | None:
    """A command by a verb, and by what it is done to, in either order."""
    verbs, things, commands = table("verbs"), table("things"), table_of_commands()
    said = _joined(said)
    if len(said) == 1 and said[0] in things and said[0] not in verbs:
        return next((found for thing in things[said[0]] if (found := commands.get(thing)) in shortcodes), None)
    for number, one in enumerate(said):
        for verb in verbs.get(one, ()):
            for thing in _rest(said, number):
                found = commands.get(f"{verb} {thing}".strip())
                if found in shortcodes:
                    return found
    return None


def _rest(said: Sequence[str], verb: int) -> list[str]:
    """What else was said beside the verb, as names of things; the empty name when nothing was."""
    others = [word for number, word in enumerate(said) if number != verb and word not in table("filler")]
    if len(others) > 1:  # `start a workflow from a template`
        others = [word for word in others if {"workflow", "process"}.isdisjoint(table("things").get(word, ()))]
    if not others:
        return [""]
    meant = [*table("things").get(others[0], ()), *table("verbs").get(others[0], ())]
    return meant if len(others) == 1 else []


def _joined(said: Sequence[str]) -> list[str]:
    """Two words that make one: `alur kerja`."""
    found: list[str] = []
    for word in said:
        if found and (found[-1] + word in table("things") or found[-1] + word in table("verbs")):
            found[-1] += word
        else:
            found.append(word)
    return found


@cache
def table_of_commands() -> dict[str, str]:
    """The commands by the verb and thing of words.toml."""
    return {said: shortcode for shortcode, phrases in _words()["commands"].items() for said in phrases}


def comparisons() -> dict[str, list[str]]:
    """Patterns of the words for each sign, by the sign, in the order in which they are to be tried."""
    return _words()["comparisons"]


def names(section: str) -> list[str]:
    """What the words of a section stand for."""
    return list(_words()[section])


def is_nothing(written: str) -> bool:
    """Whether it is a word, or a sign, for what is to be left empty."""
    word = plain(written)
    without = _WITHOUT.fullmatch(written)
    if without is not None and plain(without[1]) in table("fields"):
        return True  # `no dependencies`
    return word in words("empty", "words") if word else set(written) <= set(" -–—_./")
