"""What the words around a code make of it: a label before it, an offer, a refusal, a mention.

`Start: [...]` labels a code; `if you want to stop it, write [...]` and `I will not run [...]` only talk about it.
"""

from __future__ import annotations

import re

from syncara.shortcodes.characters import COLONS, DOUBLE_QUOTES, LETTER, QUESTION_MARKS, SINGLE_QUOTES

SENTENCE_CHARS = 400
LABEL_WORDS_MAX = 3
"""Of a label that neither a colon nor a dash nor an arrow ends."""

_SENTENCE = rf"[.,;!、。，；！{QUESTION_MARKS}{DOUBLE_QUOTES}{SINGLE_QUOTES}\"«»()\[\]{{}}<>`]|~~"
"""What stands in sentences, and in no label of a few words."""
_ENDED = re.compile(rf"(?:[{COLONS}–—→⇒➔➙➜➝➞➡⟶👉👇-]|[-=]>)(?:(?!{LETTER}|{_SENTENCE}).)*+\Z", re.DOTALL)
_NO_NOUN = re.compile(
    rf"{_SENTENCE}|(?={LETTER})[^\d\u0000-\u024f]|\b(?:i|me|my|you|your|he|she|it|its|we|us|our|they|them|their|the|an?|this|that|these|those|am|is|are"
    r"|was|were|be|been|being|do|does|did|has|have|had|will|would|shall|should|can|could|may|might|must|and|or|but|if"
    r"|because|so|than|with|from|to|at|by|of|on|in|for|as|about|like|after|before|until|against|without|what|which|who"
    r"|whose|when|where|why|how|already|yet|yesterday"
    r"|saya|aku|kami|kita|anda|kamu|kalian|dia|ia|mereka|ini|itu|yang|adalah|akan|sudah|telah|sedang|pernah|harus|bisa"
    r"|dapat|boleh|mau|ingin|perlu|dan|atau|tapi|tetapi|karena|agar|supaya|dengan|dari|ke|di|pada|kepada|oleh|untuk|bagi"
    r"|seperti|tentang|setelah|sesudah|sebelum|sampai|tanpa|apa|apakah|siapa|kapan|mengapa|kenapa|bagaimana|mana|berapa"
    r"|kemarin|tadi)\b|\w['’](?:s|d|m|ll|re|ve)\b",
    re.IGNORECASE,
)
"""Pronouns, articles, auxiliaries, prepositions, conjunctions: a sentence has them, a label of a few words has not.

Other scripts than Latin have their own, and some put no spaces between words: their labels end in a sign.
"""
_WORD = re.compile(rf"{LETTER}[\w'’-]*+")
_NEGATED = re.compile(
    r"\b(?:not|cannot|never|none|nothing|nobody|neither|nor|no(?!\.?\s*\d)|avoid|refuse"
    r"|tidak(?:lah)?|tak|bukan(?:lah)?|belum|jangan(?:lah)?|(?:e?ng)?gak|ngga|ga|ndak|hindari|dilarang)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\b(?:shall|should|may|can|could|do|would) (?:i|we|you)\b"
    r"|\b(?:mau|boleh|perlu|bisa)(?:kah)? (?:saya|aku|kami|kita)\b|\A\W*(?:apa|mau|boleh|perlu|bisa)(?:kah)?\b",
    re.IGNORECASE,
)
_AWAITED = re.compile(
    r"\b(?:once|when|until|after|before|unless|as soon as|setelah|sesudah|sebelum|begitu|ketika|saat|sampai|kecuali)"
    r" (?:you|your|anda|kamu|kalian)\b"
    r"|\b(?:you|someone|somebody|anda|kamu|kalian|seseorang)"
    r" (?:must|should|need to|ha(?:ve|s) to|harus|perlu|tinggal)\b",
    re.IGNORECASE,
)
"""What is for somebody else to say or do first."""
_QUESTION = re.compile(rf"[{QUESTION_MARKS}][^\w\n]*\Z")
_LEADS_IN = re.compile(rf"[{COLONS}][*_~]*\s*\Z")
_EXAMPLE = re.compile(
    r"\W*(?:for example|e\.g\.|example|if you (?:want|like|prefer)|contoh(?:nya)?|misalnya"
    r"|(?:kalau|jika) (?:mau|iya|ingin))\b",
    re.IGNORECASE,
)
_LINK_TARGET = re.compile(r"\]\([\s<]*\Z")
_SENTENCE_END = re.compile(r"[.!?。]\s|\n|[:;]\s(?=[A-Z])")
_OFFERED = re.compile(
    r"\b(?:if|whenever|in case|should you|would you|you (?:can|could|may|might)|for example|e\.g\.|example"
    r"|(?:kalau|jika)(?! begitu\b)|bila|apabila|bilamana|seandainya|misalnya|contoh(?:nya)?|sewaktu-waktu"
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
_LATER = re.compile(r"\b(?:when|once you|later|nanti|yesterday|kemarin)\b", re.IGNORECASE)
_NAMED = re.compile(
    r"\b(?:commands?|codes?|perintah(?:nya)?|kode(?:nya)?|there(?: i|')s|ada juga)\b[^.,:;]{0,30}\Z|\bremember:?\s*\Z",
    re.IGNORECASE,
)
_DOES = re.compile(
    r"[\s,]*(?:(?:you|kamu|anda|kalian) (?:can|could|may|bisa|dapat)|can|could|would|stops?|ends|pauses|resumes|cancels"
    r"|deletes|bisa|dapat|untuk (?:men|mem|meng|menge)\w+|kapan saja|any ?time|whenever)\b",
    re.IGNORECASE,
)


def is_label(before: str) -> bool:
    """Whether what stands before a code on its line, bullets and other codes left out, has the form of a label.

    That is nothing but signs; anything that a colon, a dash or an arrow ends; or a noun of a few words.
    """
    before = before[-SENTENCE_CHARS:]
    if _ENDED.search(before) is not None:
        return True
    return _NO_NOUN.search(before) is None and len(_WORD.findall(before)) <= LABEL_WORDS_MAX


def is_offered(text: str, start: int) -> bool:
    """Whether the words before a code offer it, or say how somebody else can write it."""
    before = _before(text, start)
    return _OFFERED.search(before) is not None or _INSTRUCTED.search(before) is not None


def is_withheld(text: str, start: int) -> bool:
    """Whether the words before a code offer it, refuse it, ask for leave, or wait for what somebody else does."""
    return _NEGATED.search(_before(text, start)) is not None or _is_open(text, start)


def is_withheld_above(text: str, start: int, *, acts: bool) -> bool:
    """Whether the line above the codes that begin at `start` leads in to them with words that withhold them.

    acts: they touch what is there. Of others, such a line may well tell what they do: `I look, and tell you if …:`. It
    withholds them where it begins as an example or an offer does.
    """
    above = text[max(0, start - SENTENCE_CHARS) : start].rpartition("\n")[0].rstrip()
    if _LEADS_IN.search(above) is None:
        return False
    above = above.rstrip("*_~")
    return is_withheld(above, len(above)) if acts else _EXAMPLE.match(_before(above, len(above))) is not None


def is_link_target(text: str, start: int) -> bool:
    """Whether a code stands in the place of a link's address."""
    return _LINK_TARGET.search(_line(text, start)) is not None


def is_mentioned(text: str, start: int, end: int) -> bool:
    """Whether the words before or behind a code only talk about it."""
    before = _before(text, start)
    clause = before.replace(";", ",").rpartition(",")[2]
    named = _LATER.search(before) or _NAMED.search(before) or _NEGATED.search(clause)
    beside = named is not None or _is_open(text, start) or is_link_target(text, start)
    return beside or _DOES.match(text, end, end + SENTENCE_CHARS) is not None


def _is_open(text: str, start: int) -> bool:
    """Whether it is up to somebody else that a code is carried out."""
    before = _before(text, start)
    asked = _ASKED.search(before) or _AWAITED.search(before) or _QUESTION.search(_line(text, start))
    return asked is not None or is_offered(text, start)


def _before(text: str, start: int) -> str:
    """The sentence up to a code."""
    return _SENTENCE_END.split(text[max(0, start - SENTENCE_CHARS) : start])[-1]


def _line(text: str, start: int) -> str:
    """The line up to a code."""
    return text[max(0, start - SENTENCE_CHARS) : start].rpartition("\n")[2]
