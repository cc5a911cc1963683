"""Feed the scanner with random texts, and stop at the first for which a rule of `rules.py` does not hold.

`python tests/shortcodes/fuzz_scanner.py --runs 100000`. With atheris installed, coverage guides what is tried; without,
good replies are mutated at random. The same seed tries the same texts.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import multiprocessing
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # `tests`, when this file is run as a script

PARTS = [
    *("[", "]", ":", "{", "}", ",", '"', "'", "\\", "=", "(", ")", "?", "|", "/", "-", "#", "*", "**", "é", "🎉", " "),
    *("\n", "\n\n", "\r\n", "\t", "\0", "\u200b", "\ud800", "“", "”", "‘", "’", "：", "【"),
    *("`", "``", "```", "~~~", "> ", "- ", "1. ", "<!--", "-->", "<code>", "</code>", "<pre>", "</pre>", "[[", "(u)"),
    *("[MULTISTEP:", "[MULTI", "MULTISTEP:EXECUTE:", "EXECUTE", "ADD_STEP", "STATUS", "CANCEL", "CREATE_WORKFLOW"),
    *(":w", ":n", ":log", "300", "10:30", "x", "word", "e", ".5", "true", "None", "[1]", ",}", "//", "https://a"),
    *('{"a":"b"}', '{"a"', '{"retries":1}', "{context.x}", "retries=3", "condition=a", "colour=b"),
    *("[MULTISTEP:EXECUTE:w]", "[MULTISTEP:STATUS:x]", "[MULTISTEP:CREATE_WORKFLOW:a:b]", "[GROUP:PIN_MESSAGE:5]"),
    '[MULTISTEP:ADD_STEP:w:n:log:{"m":"`x` ] : \\" y"}]',
]
"""What codes, and what is around them, are made of."""
CHARS_MAX = 1_000


def main() -> int:
    parser = argparse.ArgumentParser(description="Feed the scanner with random texts.")
    parser.add_argument("--runs", type=int, default=100_000, help="how many texts (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if importlib.util.find_spec("atheris") is not None:
        return guided(chosen.runs, chosen.seed)
    print(f"atheris is not installed: good replies are changed at random, from seed {chosen.seed}")
    mutate(chosen.runs, chosen.seed)
    return 0


def check(text: str, cut: int) -> None:
    """Raise AssertionError, with the text, if a rule does not hold."""
    from tests.shortcodes.rules import broken  # noqa: PLC0415 - after atheris has prepared the imports

    problems = broken(text, cut)
    assert not problems, f"{text!r} cut at {cut}: {problems}"


def mutate(runs: int, seed: int) -> None:
    """Good replies with random changes."""
    from tests.shortcodes.samples import seeds  # noqa: PLC0415 - see check()

    chance, texts = random.Random(seed), seeds()
    for _ in range(runs):
        text = chance.choice(texts)
        for _ in range(chance.choice((1, 1, 2, 3, 8))):
            start = chance.randint(0, len(text))
            end = min(len(text), start + chance.choice((0, 0, 1, 1, 2, 10)))
            text = text[:start] + chance.choice(("", *PARTS, text[end : end + 30])) + text[end:]
        check(text, chance.randint(0, len(text)))


def guided(runs: int, seed: int) -> int:
    """What atheris comes up with, beginning with good replies; 0 when every rule held."""
    with tempfile.TemporaryDirectory(prefix="syncara-fuzz-") as folder:
        process = multiprocessing.get_context("fork").Process(target=_fuzz, args=(Path(folder), runs, seed))
        process.start()
        process.join()
    return process.exitcode or 0


def _fuzz(folder: Path, runs: int, seed: int) -> None:
    """Ends its process."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["syncara.shortcodes"]):
        from tests.shortcodes.samples import seeds  # noqa: PLC0415 - see check()

    def one(data: bytes) -> None:
        text = data.decode(errors="surrogateescape")
        check(text, sum(data) % (len(text) + 1))

    for number, text in enumerate(seeds()):
        (folder / str(number)).write_bytes(text.encode())
    parts = folder / "parts.dict"
    parts.write_text("".join(f'"{_hexadecimal(part)}"\n' for part in PARTS if part.isprintable()), "ascii")
    limits = [f"-runs={runs}", f"-seed={seed}", f"-max_len={CHARS_MAX}", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={folder}-", f"-dict={parts}", str(folder)], one)
    atheris.Fuzz()


def _hexadecimal(part: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in part.encode())


if __name__ == "__main__":
    sys.exit(main())
