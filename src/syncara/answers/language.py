"""Which language a text is written in, as far as its little words tell."""

from __future__ import annotations

import re
from typing import TypeVar

from syncara.answers.catalogue import Language

T = TypeVar("T")

_ENGLISH = """
    a about after all an and any are as at back be been before but by can could did do does done each every few first
    for from get got had has have here how i if in into is it its just know let like me more my need next no not now of
    off on once one only or our out over please should so some soon sure than that the their them then there these they
    this those to too two until up us was we were what when where which while who why will with would yes you your
"""
_INDONESIAN = """
    ada adalah agar aja akan aku anda apa apakah atau bagaimana bagi bahwa baik banget baru begitu belum berapa
    berikut biar bila bisa boleh buat bukan dalam dan dapat dari deh dengan di dia dong dua dulu gak halo hanya hari
    harus hingga ini itu iya jadi jangan jika juga kak kalau kami kamu karena kasih ke kemudian kepada ketika kita
    kok lagi lain lalu lebih maaf maka mana mari masih mau mereka mohon namun nanti nggak oke oleh pada pakai paling
    para perlu pernah saat saja sama sambil sampai sangat satu saya sebagai sebelum sebuah secara sedang segera
    sekarang selama selamat seluruh semua semuanya seperti serta sesuai setelah setiap siap siapa silakan sip sudah
    supaya tadi tanpa tapi telah tentang terima tetapi tiap tidak tolong udah untuk ya yaitu yang yuk
"""
WORDS: dict[Language, frozenset[str]] = {
    "en": frozenset(_ENGLISH.split()),
    "id": frozenset(_INDONESIAN.split()),
}
HITS_MIN = 2
"""With fewer little words than this, a text is too short to tell."""
LEAD_MIN = 2
"""The language of a text has this many times as many of them as the other one; else the text is mixed."""

_SHOWN = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)
_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?!\w)")
"""What is joined to something else by `_`, such as `run_when`, is a name and no word."""
_CLOSING = {"[": "]", "{": "}"}


def detect_language(text: str, default: T) -> Language | T:
    """The language of the prose; what is code, or stands in brackets, is none. `default` when in doubt."""
    (first, most), (_, others) = _ranked(_prose(text))
    return first if most >= HITS_MIN and most >= LEAD_MIN * others + 1 else default


def guess_language(text: str, default: T) -> Language | T:
    """The language that most little words of a text are of, those in its shortcodes too. `default` where none leads.

    It is for texts that say too little themselves, where names and messages in the codes are better than nothing.
    """
    (first, most), (_, others) = _ranked(_SHOWN.sub(" ", text))
    return first if most > others else default


def _ranked(text: str) -> list[tuple[Language, int]]:
    """The languages, each with how many of its little words there are; the one with the most first."""
    words = [word.lower() for word in _WORD.findall(text)]
    hits = [(language, sum(word in known for word in words)) for language, known in WORDS.items()]
    return sorted(hits, key=lambda hit: -hit[1])


def _prose(text: str) -> str:
    """The text without code, shortcodes and JSON. A bracket that is never closed is a character like others."""
    text = _SHOWN.sub(" ", text)
    open_at: list[int] = []
    ends: dict[int, int] = {}
    for place, character in enumerate(text):
        if character in _CLOSING:
            open_at.append(place)
        elif open_at and character == _CLOSING[text[open_at[-1]]]:
            ends[open_at.pop()] = place + 1
    kept: list[str] = []
    place = 0
    for start in sorted(ends):
        if start >= place:
            kept.append(text[place:start])
            place = ends[start]
    return " ".join([*kept, text[place:]])
