"""Why something failed, in words of the catalogues.

The words follow from the code of the error. Behind them stands what they cannot say: a path, an address, a name. The
engine's own errors have that in their English text, and it is read from there. What others said, a handler's exception
or a server, stays as it was said.
"""

from __future__ import annotations

import re

from syncara.answers.catalogue import known
from syncara.answers.fit import DETAIL_CHARS, NAME_CHARS
from syncara.answers.model import AnyPart, Code, Message, Text, Wording, message
from syncara.answers.text import cut

_ALL_SAID = """
    timeout crashed poison group_failed global_timeout damaged journal_damaged definition_damaged
    not_found no_folder not_a_file file_too_large permission_denied read_only disk_full io_error
    address_refused answer_too_large broken_answer connection_failed too_many_redirects untrusted_server unknown_coding
    denied not_approved
"""
_SAY_ALL = frozenset(_ALL_SAID.split())
"""Codes whose words leave nothing for the error to add, but the data that it holds."""
_OF_OTHERS = frozenset({"call_failed", "refused_by_server"})
"""Codes of errors whose text somebody else wrote."""
_WITHOUT_CODE = frozenset(
    {"missing_placeholder", "malformed_placeholder", "invalid_params", "invalid_result", "result_too_large"}
)
"""Codes that also stand for errors of which the text does not begin with the code, and yet holds data."""

TEXT_CHARS = 1_000
"""How much of an error is looked at for its data."""
_FIRST_OF_MANY = re.compile(r"\d+ problems:\n  1\. ")
_ANSWERED = re.compile(
    r"([A-Z]+ https?://\S+): the server answered (\d{3})[^:(]*(?:: (.*?))?(?: \((?:check|correct|see) [^()]*\))?",
    re.DOTALL,
)
_MISSING = re.compile(r"(?:there is|(.+?) (?:has|is)) .*?'(.+?)'(?:\W|$)")
_FILE = r"there is no (?:such file|room)|part of the path|it is an? |the (?:file|user|disk|path|links) |[a-z]+ failed"
_DATA = tuple(
    re.compile(pattern)
    for pattern in (
        r"([A-Z]+ https?://\S+): ",
        r".+: there is no folder '(.+)' \(",
        rf"(.+): (?:{_FILE})",
        r"(.+): the condition could not be evaluated: ",
        r".+: what was filled in changed '(.+?)': ",
        r".*`\$\.?([^`]+)`",
        r".* field `([^`]+)`",
        r"'([\w.-]+)': ",
        r"collection '(.+?)', ",
        r"([\w$.\[\]-]+): ",
        r"(?:[^'(]*[\s(])?'([^']+)'(?:\W|$)",
    )
)
"""How errors write what is no words of a language, in the order in which it is looked for."""
_RULE = re.compile(r".*?: (?:the policy denies it|it needs .*? which the plan does not have): (.+?)(?: \(|$)")
_BY_DEFAULT = re.compile(r'(.+ = "\w+") by default')
_STRANGER = re.compile(r"user (.+) is a stranger in chat (.+)")
_NOT_NAMED = re.compile(r"(.+) does not name (.+)")
_NOT_DECLARED = re.compile(r"the handler '(.+)' is not registered with ai=True")


def failed(code: str, error: str | None, chars_max: int = DETAIL_CHARS) -> Message | Wording:
    """Why a step or a run failed."""
    first = _FIRST_OF_MANY.sub("", error or "", count=1)
    text = first.removeprefix(f"{code}: ")
    if code.startswith("http_") and (answered := _ANSWERED.fullmatch(text)) is not None:
        return _answered(answered[1], int(answered[2]), cut(answered[3] or "", chars_max))
    if not known(f"failure.{code}"):
        return message("failed_with", error=Text(cut(error or code, chars_max)))
    words, whole = message(f"failure.{code}"), Text(cut(text, chars_max))
    if code in _OF_OTHERS:
        return message("detail", what=words, detail=whole)
    coded = text != first
    data = _data(code, text[:TEXT_CHARS], chars_max) if coded or code in _WITHOUT_CODE else None
    told = words if data is None else message("detail", what=words, detail=data)
    if not text or (code in _SAY_ALL and (data is not None or not coded)):
        return told
    return Wording(message("detail", what=words, detail=whole), told)


def _answered(place: str, status: int, excerpt: str) -> Message:
    words = message("answered", status=status, place=Code(place))
    return message("detail", what=words, detail=Text(excerpt)) if excerpt else words


def _data(code: str, text: str, chars_max: int) -> AnyPart | None:
    if code in ("denied", "not_approved"):
        found = _RULE.match(text)
        return None if found is None else rule(found[1])
    if code == "missing_placeholder" and (missing := _MISSING.match(text)) is not None:
        return Code(cut(".".join(filter(None, missing.groups())), chars_max))
    found = next((match for pattern in _DATA if (match := pattern.match(text)) is not None), None)
    return None if found is None else Code(cut(found[1], chars_max))


def rule(text: str) -> AnyPart:
    """The line of a policy that decided: as it stands in the file, or in words where no line does (`policy.judge`)."""
    if found := _BY_DEFAULT.fullmatch(text):
        return message("rule.by_default", line=Text(cut(found[1], DETAIL_CHARS)))
    if found := _NOT_DECLARED.fullmatch(text):
        return message("rule.not_declared", handler=Text(cut(found[1], DETAIL_CHARS)))
    if found := _NOT_NAMED.fullmatch(text):
        line, what = (Text(cut(each, NAME_CHARS)) for each in found.groups())
        return message("rule.not_named", line=line, what=what)
    if found := _STRANGER.fullmatch(text):
        return message("rule.stranger", user=Text(cut(found[1], NAME_CHARS)), chat=Text(cut(found[2], NAME_CHARS)))
    if text == "the URL names no plain host":
        return message("rule.no_plain_host")
    return Text(cut(text, DETAIL_CHARS))
