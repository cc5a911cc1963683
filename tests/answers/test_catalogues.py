"""The sentences: the same ones in every language, and one for everything that can happen."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

import syncara
from syncara.answers.catalogue import LANGUAGES, Entry, Language, catalogue
from syncara.answers.icons import ICONS
from syncara.answers.replies import Action
from syncara.core.events import SKIPPED_BY_CONDITION, SKIPPED_BY_FAILURE, UNKNOWN_HANDLER
from syncara.core.model import ExecutionStatus, RunWhen, StepStatus

PACKAGE = Path(syncara.__file__).parent
FREE = frozenset({"error"})
"""The code of whatever a handler raised: its words are all there is."""


def forms(entry: Entry) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def codes(source: str, positions: dict[str, int]) -> set[str]:
    """The constants at that position in calls of these names, as in `e.StepFailed(at, step, "code", …)`, or by `code=`.

    `source` is a module of the package, or all of a folder.
    """
    found = set()
    for path in sorted(PACKAGE.glob(source)):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in positions:
                given = [*node.args[positions[name] : positions[name] + 1], *_named_code(node)]
                found |= {each.value for each in given if isinstance(each, ast.Constant)}
    return {each for each in found if isinstance(each, str)}


def _named_code(call: ast.Call) -> list[ast.expr]:
    return [keyword.value for keyword in call.keywords if keyword.arg == "code"]


def family(prefix: str) -> set[str]:
    return {key.removeprefix(prefix) for key in catalogue("en") if key.startswith(prefix)}


# The languages.


def test_every_language_has_the_same_sentences() -> None:
    """No key is missing anywhere, and none is there alone."""
    keys = set(catalogue("en"))

    assert len(keys) > 100
    assert [keys] * len(LANGUAGES) == [set(catalogue(language)) for language in LANGUAGES]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", sorted(catalogue("en")))
def test_every_sentence_has_the_same_placeholders(language: Language, key: str) -> None:
    """In each language; a placeholder stands by itself, so that emphasis can begin and end."""
    expected = placeholders(forms(catalogue("en")[key])[-1])
    sentences = forms(catalogue(language)[key])

    assert expected == placeholders(sentences[-1])
    assert [] == re.findall(r"\w\{|\}\w", " ".join(sentences))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_with_two_forms_has_both_and_counts(language: Language) -> None:
    """`one`, which need not name it, and `other`, chosen by the number `n`."""
    plural = [
        (placeholders(entry["one"]) | {"n"}, placeholders(entry["other"]))
        for entry in catalogue(language).values()
        if not isinstance(entry, str)
    ]

    assert [] == [(one, other) for one, other in plural if one != other]


def test_every_sentence_is_used() -> None:
    """Its key stands in the code, or the code makes keys that begin so."""
    source = "".join(path.read_text("utf-8") for path in sorted((PACKAGE / "answers").glob("*.py")))
    made = tuple(set(re.findall(r'f"([a-z]+\.)\{', source)))

    assert [] == [key for key in catalogue("en") if f'"{key}"' not in source and not key.startswith(made)]


# What can happen.


def test_every_status_has_words_and_a_picture() -> None:
    """Of runs; the words of steps say more than the status, and their tests show them."""
    finals = {f"{status}_because" for status in ExecutionStatus if status.final and status != "completed"}

    assert set(ExecutionStatus) == family("run.")
    assert {*ExecutionStatus, *finals, "waiting"} == family("end.")
    assert ICONS.keys() >= {*ExecutionStatus, *StepStatus}


def test_every_code_of_a_step_that_did_not_run_has_words() -> None:
    """Those of the machine, and no others but the one that names steps."""
    assert {*SKIPPED_BY_CONDITION, *SKIPPED_BY_FAILURE, "upstream_failed_in"} == family("reason.")


def test_every_code_of_a_failure_has_words() -> None:
    """Whatever the engine itself finds wrong with a step or a run."""
    failed = codes("core/machine.py", {"StepFailed": 2})
    placeholder = codes("core/placeholders.py", {"PlaceholderError": 0, "MissingPlaceholder": 0, "_problem": 0})
    attempt = codes("runtimes/driver.py", {"_erred": 2})
    # A definition that reads an unknown step is refused before it runs.
    found = (failed | placeholder | attempt | {"global_timeout"}) - FREE - {"unknown_step"}

    assert {"poison", "missing_placeholder", "timeout"} <= found
    assert found == family("failure.")


def test_everything_that_a_step_waits_for_has_words() -> None:
    """The signals of the machine; a missing handler also goes by the code of its attempt."""
    signals = codes("core/machine.py", {"StepWaiting": 2, "StepBlocked": 2})

    assert {"on_crash", "turn", "handler"} == signals
    assert signals | {UNKNOWN_HANDLER} == family("wait.")


def test_every_problem_of_a_reply_has_words() -> None:
    """What the core finds in a definition, and what the layers above find in a code."""
    definition = codes("core/check.py", {"Problem": 0, "_bad_dependency": 0})
    raised = {"Problem": 0, "CodeProblem": 0, "NotFoundError": 0, "InvalidStateError": 0, "Wrong": 0}
    code = codes("shortcodes/*.py", raised) | codes("commands/*.py", raised)

    assert len(definition) >= 15
    assert set() == (definition | code) - family("problem.")


def test_every_action_has_words_for_both_outcomes() -> None:
    """It changed the run, or there was nothing to change."""
    assert {f"{action}{end}" for action in get_args(Action) for end in ("", "_unchanged")} == family("told.")


def test_every_rule_for_starting_has_words() -> None:
    """But for the one that goes without saying."""
    assert set(get_args(RunWhen)) - {"none_failed"} <= family("tree.")
