"""Scanning: the worst texts that are known, at 64 KiB and at four times that, and a reply as they usually are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.workload import Measures, best_s, growth, main
from syncara.shortcodes import scan

STEP = '[MULTISTEP:ADD_STEP:w:n:log:{"a":1}:x:300]\n'
JSON = "[MULTISTEP:BATCH_PROCESS:log:["
CASES: dict[str, tuple[str, str]] = {
    "codes cut off in a text in quotes": ("", '[MULTISTEP:ADD_STEP:a:b:c:{"'),
    "the same, a line each": ("", '[MULTISTEP:ADD_STEP:a:b:c:{"x\n'),
    "cut off in quotes of three kinds": ("", "[MULTISTEP:EXECUTE:w:{\"[MULTISTEP:EXECUTE:w:{'[MULTISTEP:EXECUTE:w:{“"),
    "texts in quotes that hold codes": ("", '[MULTISTEP:EXECUTE:w:{"a\n[MULTISTEP:EXECUTE:w:{":",":1,"'),
    "codes without an end": ("", "[MULTISTEP:X:"),
    "opening brackets": ("", "["),
    "opening brackets in a code": ("[MULTISTEP:STATUS:", "["),
    "pairs of brackets in a code": ("[MULTISTEP:STATUS:", "[]"),
    "colons in a code": ("[MULTISTEP:CREATE_WORKFLOW:", ":"),
    "escapes in a code": ("[MULTISTEP:STATUS:", "\\:"),
    "lines in a code": ("[MULTISTEP:CREATE_WORKFLOW:", "a\n"),
    "white space in a code": ("[MULTISTEP:STATUS:a", "\n "),
    "numbers in JSON": (JSON, "1,"),
    "texts in JSON": (JSON, '"",'),
    "lists in JSON": (JSON, "[],"),
    "objects in JSON": (JSON, '{"message":"x"},'),
    "lists within lists": (JSON, "["),
    "escapes in JSON": (JSON + '"', "\\n"),
    "bare keys in JSON": ("[MULTISTEP:EXECUTE:w:{", "a:1,"),
    "smart quotes in JSON": ("[MULTISTEP:EXECUTE:w:{", "“a”:1,"),
    "codes that are right": ("", "[MULTISTEP:STATUS:]"),
    "steps that are right": ("", STEP),
    "fields by name with colons": ("", "[MULTISTEP:ADD_STEP:w:n:h:{}:condition=a:b:c:d:e]"),
    "texts that take in colons": ("", "[MULTISTEP:ADD_STEP:w:a:b:c:d:e:f:g:h:i:log:{}]"),
    "colons that can be read in many ways": ("", "[MULTISTEP:CREATE_WORKFLOW:a:b:c:d:e:f:g:h:i:j:k:l:1:1]"),
    "codes among words on one line": ("", "[MULTISTEP:STATUS:x] a "),
    "families that are not quite right": ("", "[MULTISTEPS:EXECUTE:w] "),
    "families that are wrong": ("", "[MULTISTXP STATUS "),
    "beginnings of families": ("", "[M"),
    "backticks": ("", "`a"),
    "backticks without a partner": ("", "`\n\n"),
    "codes between backticks": ("", "`[MULTISTEP:EXECUTE:w]` "),
    "codes cut off between backticks": ("", '`[MULTISTEP:EXECUTE:w:{"`'),
    "quoted lines": ("", ">\n"),
    "fences": ("", "```\n"),
    "comments": ("", "<!-- -->"),
    "empty lines": ("", "\n"),
    "prose": ("", "Saya akan membuat workflow untuk Anda. [1] 🎉 "),
}
"""A beginning, and what is repeated after it."""
REPLY = f"""Baik, saya siapkan alurnya.

[MULTISTEP:CREATE_WORKFLOW:Laporan pagi:Kirim laporan:1800:3]
{STEP * 5}
[MULTISTEP:EXECUTE:workflow_id:{{"name":"Ana"}}]

Lihat [MULTISTEP:STATUS:execution_id].
"""


def worst_case(name: str, chars: int) -> str:
    """A case's text of that length."""
    start, unit = CASES[name]
    return (start + unit * (chars // len(unit) + 1))[:chars]


def measure(folder: Path, chars: int, rounds: int) -> Measures:
    """The worst texts (see `growth`), and a usual reply."""
    worst = growth(CASES, lambda name, size: partial(scan, worst_case(name, size)), chars, rounds)
    return {**worst, "reply_ms": 1e3 * best_s(partial(scan, REPLY), 20 * rounds)}


if __name__ == "__main__":
    main(measure)
