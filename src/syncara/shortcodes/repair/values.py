"""What numbers, times and yes or no were meant by what was written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from syncara.shortcodes.repair.words import plain, table, words

NUMBERS_CACHED = 4_096
CHARS_MAX = 80
"""What is longer is no number, and no moment."""
_PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?")
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,_' \u00a0\u202f]\d{3})+")
_UNDERSCORES = re.compile(r"\d+(?:_\d+)+")
_COMMA = re.compile(r"(\d+),(\d{1,2})")
_MIXED = re.compile(r"(\d{1,3}(?:\.\d{3})+),(\d{1,2})|(\d{1,3}(?:,\d{3})+)\.(\d{1,2})")
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)")
_ISO_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE)
_TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+")
_WRAPPING = " \t\"'“”‘’`~≈±+.!?*()"
_TEENS = 10
_TENS = range(20, 100, 10)


@lru_cache(NUMBERS_CACHED)
def number(written: str) -> float | None:
    """A number; one with units of time in seconds: `1_800`, `1.800`, `30 minutes`, `setengah jam`, `three times`."""
    text = written.strip(_WRAPPING)
    if not 0 < len(text) <= CHARS_MAX:
        return None
    if _THOUSANDS.fullmatch(text) or _UNDERSCORES.fullmatch(text):
        return float(re.sub(r"\D", "", text))
    if _PLAIN.fullmatch(text):
        return float(text)
    if mixed := _MIXED.fullmatch(text):
        whole_part, fraction = (part for part in mixed.groups() if part is not None)
        return float(f"{re.sub('[.,]', '', whole_part)}.{fraction}")
    if comma := _COMMA.fullmatch(text):
        return float(f"{comma[1]}.{comma[2]}")
    if clock := _CLOCK.fullmatch(text):
        return _seconds(0, *map(int, clock.groups()))
    iso = _ISO_DURATION.fullmatch(text)
    if iso is not None and any(iso.groups()):
        return _seconds(*(int(part or 0) for part in iso.groups()))
    return _in_words(text)


def _seconds(days: int, hours: int, minutes: int, seconds: int) -> float:
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _in_words(text: str) -> float | None:
    said = _Said()
    for token in _TOKEN.findall(text.casefold().replace("_", " ")):
        if not said.take(token):
            return None
    return said.total()


class _Said:
    """A number while its words are read, from left to right."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._now: float | None = None
        self._unit: float | None = None
        """The last unit."""
        self._article = False
        """Whether the number is but `a`."""

    def take(self, word: str) -> bool:
        """False: this is no word of a number."""
        if word[0].isdecimal():
            return self._number(float(word.replace(",", ".")))
        if word in ("a", "an"):
            self._article = self._now is None
            return True
        if word == "belas" and self._now is not None:
            self._now += _TEENS
            return True
        for section, do in (("numbers", self._number), ("multiples", self._multiple), ("units", self._with_unit)):
            if word in table(section):
                return do(float(table(section)[word][0]))
        if word.startswith("se") and (word[2:] in table("multiples") or word[2:] in table("units")):
            return self._number(1) and self.take(word[2:])
        return word in table("around")

    def _number(self, value: float) -> bool:
        if value == 0.5 and self._now is None and self._unit is not None:  # noqa: PLR2004 - `an hour and a half`
            self._sum += value * self._unit
            return True
        if self._now is None:
            self._now = value
        elif value == 0.5 or (self._now in _TENS and value < min(_TENS) / 2):  # noqa: PLR2004 - `satu setengah`
            self._now += value
        else:
            return False
        return True

    def _multiple(self, value: float) -> bool:
        self._now = (self._now or 1) * value
        return True

    def _with_unit(self, unit: float) -> bool:
        if self._now is None and not self._article:
            return False  # `jam 7` is a time of the day
        self._sum += (1 if self._now is None else self._now) * unit
        self._now, self._unit, self._article = None, unit, False
        return True

    def total(self) -> float | None:
        if self._unit is None:
            return self._now
        return None if self._now is not None else round(self._sum, 3)


def whole(value: float) -> int | float:
    """Without the fraction that it does not have."""
    return int(value) if value == int(value) else value


def flag(written: str) -> bool | None:
    meant = table("flags").get(plain(written))
    return None if meant is None else meant[0] == "true"


# Points in time.

_ZONES = {"utc": 0, "gmt": 0, "z": 0, "wib": 7, "wita": 8, "wit": 9}
_MONTHS = "jan feb mar apr may,mei jun jul aug,agu sep oct,okt nov dec,des"
_MONTH = {name: number for number, names in enumerate(_MONTHS.split(), 1) for name in names.split(",")}
_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_DAY_FIRST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_NAMED = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?\s+([a-z]{3})[a-z]*\.?,?\s+(\d{4})|([a-z]{3})[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})"
)
_TIME = re.compile(r"(?<!\d)([01]?\d|2[0-3])[:.]([0-5]\d)(?:[:.]([0-5]\d))?(?:\.\d+)?(?!\d)\s*(am|pm)?")
_OFFSET = re.compile(r"(?:utc|gmt)?\s*([+-])(\d{1,2})(?::?(\d{2}))?\s*$")
_CRON = re.compile(r"(?<!\S)\*(?:/\d+)?(?!\S)")
_STAMP = re.compile(r"\d{10}(\d{3})?")
_FILLER = re.compile(
    r"\b(?:at|on|the|of|pukul|jam|tanggal|pada|hari|[a-z]*day|senin|selasa|rabu|kamis|jumat|sabtu|minggu)\b"
)
_MONTHS_A_YEAR = 12


def moment(written: str) -> int | float | str | None:
    """Seconds, or an ISO time with its zone; None for what names no zone, or no moment."""
    text = written.strip(_WRAPPING)
    if len(text) > CHARS_MAX or recurs(written):
        return None
    if stamp := _STAMP.fullmatch(text):
        seconds = int(text) / (1000 if stamp[1] else 1)
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    value = number(text)
    return _iso(text.casefold()) if value is None else whole(value)


def recurs(written: str) -> bool:
    """Whether a time is one that comes again and again: a pattern of cron, or a word for it."""
    said = _TOKEN.findall(written.casefold().replace("_", " "))
    return _CRON.search(written) is not None or not words("times", "again").isdisjoint(said)


def _iso(text: str) -> str | None:
    found = _date(text)
    if found is None:
        return None
    day, rest = found
    time = _TIME.search(rest)
    if time is None:
        return None
    hour, minute, second = int(time[1]), int(time[2]), int(time[3] or 0)
    if time[4]:
        hour = hour % 12 + (12 if time[4] == "pm" else 0)
    try:
        zone = _zone(f"{rest[: time.start()]} {rest[time.end() :]}")
        at = datetime(*day, hour, minute, second, tzinfo=zone)
    except ValueError:  # no such day, or no such zone
        return None
    if zone is None:
        return None
    return at.isoformat().replace("+00:00", "Z")


def _date(text: str) -> tuple[tuple[int, int, int], str] | None:
    """Year, month and day, and the text without them."""
    if found := _DATE.search(text):
        year, month, day = map(int, found.groups())
    elif found := _DAY_FIRST.search(text):
        *days, year = map(int, found.groups())
        month, day = sorted(days)
        if month < day <= _MONTHS_A_YEAR:
            return None  # which one is the month?
    elif found := _NAMED.search(text):
        year, month, day = int(found[3] or found[6]), _MONTH.get(found[2] or found[4], 0), int(found[1] or found[5])
    else:
        return None
    return (year, month, day), f"{text[: found.start()]} {text[found.end() :]}"


def _zone(text: str) -> timezone | None:
    rest = re.sub(r"^[\s,t]+", "", _FILLER.sub(" ", text)).strip(" ,()[]")
    if offset := _OFFSET.fullmatch(rest):
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    hours = _ZONES.get(rest)
    return None if hours is None else timezone(timedelta(hours=hours))
