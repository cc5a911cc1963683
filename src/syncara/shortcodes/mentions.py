"""Whether the words around a code only talk about it: `if you want to stop it, write [...]`."""

from __future__ import annotations

import re

SENTENCE_CHARS = 400

_SENTENCE_END = re.compile(r"[.!?。]\s|\n|[:;]\s(?=[A-Z])")
_OFFERED = re.compile(
    r"\b(?:if|whenever|in case|should you|would you|you (?:can|could|may|might)|for example|e\.g\.|example"
    r"|kalau|jika|bila|apabila|bilamana|seandainya|misalnya|contoh(?:nya)?|sewaktu-waktu"
    r"|(?:kamu|anda|kalian|kak|pak|bu|mas|mbak) (?:bisa|dapat|boleh)|(?:bisa|dapat|boleh) (?:kamu|anda|di\w+))\b",
    re.IGNORECASE,
)
_INSTRUCTED = re.compile(
    r"(?<!\bi )(?<!i'll )(?<!saya )(?<!aku )(?<!kami )"
    r"\b(?:write|type|send|use|enter|reply with|say|ketik(?:kan)?|tulis(?:kan)?|gunakan|pakai|kirim(?:kan)?"
    r"|balas dengan)"
    r"(?:\s+(?:the|this|code|kode|perintah|command|dengan)){0,3}[\s:]*\Z",
    re.IGNORECASE,
)
_LATER = re.compile(r"\b(?:when|once you|later|nanti)\b", re.IGNORECASE)
_NAMED = re.compile(
    r"\b(?:commands?|codes?|perintah(?:nya)?|kode(?:nya)?|there(?: i|')s|ada juga)\b[^.,:;]{0,30}\Z|\bremember:?\s*\Z",
    re.IGNORECASE,
)
_DOES = re.compile(
    r"[\s,]*(?:(?:you|kamu|anda|kalian) (?:can|could|may|bisa|dapat)|can|could|would|stops?|ends|pauses|resumes|cancels"
    r"|deletes|bisa|dapat|untuk (?:men|mem|meng|menge)\w+|kapan saja|any ?time|whenever)\b",
    re.IGNORECASE,
)


def is_offered(text: str, start: int) -> bool:
    """Whether the words before a code offer it, or say how somebody else can write it."""
    before = _before(text, start)
    return _OFFERED.search(before) is not None or _INSTRUCTED.search(before) is not None


def is_mentioned(text: str, start: int, end: int) -> bool:
    """Whether the words before or behind a code only talk about it."""
    before = _before(text, start)
    later = _LATER.search(before) is not None or _NAMED.search(before) is not None
    return later or is_offered(text, start) or _DOES.match(text, end, end + SENTENCE_CHARS) is not None


def _before(text: str, start: int) -> str:
    """The sentence up to a code."""
    return _SENTENCE_END.split(text[max(0, start - SENTENCE_CHARS) : start])[-1]
