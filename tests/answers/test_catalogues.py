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
from syncara.commands import COMMANDS
from syncara.core.events import SKIPPED_BY_CONDITION, SKIPPED_BY_FAILURE, UNKNOWN_HANDLER
from syncara.core.model import ExecutionStatus, RunWhen, StepStatus
from syncara.handlers import files
from syncara.runtimes.driver import RUNNER
from syncara.stores import faults

PACKAGE = Path(syncara.__file__).parent
FREE = frozenset({"error"})
"""The code of whatever a handler raised: its words are all there is."""
_EARLIER = """
    bad_url missing_extra builtin_handler empty_name wrong_type unknown_handler index_exists too_many_indexes
    not_allowed secret_misplaced unknown_step
"""
EARLIER = frozenset(_EARLIER.split())
"""Codes of what a program is told while it sets things up, or of what keeps a run from starting; no step fails so."""
_RAISED = """
    Problem CodeProblem SyncaraError FinalError NotFoundError InvalidStateError StorageError DamagedError Wrong kind
"""
RAISED = dict.fromkeys(_RAISED.split(), 0)
"""What takes a code, and the place of the code among its arguments."""


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
    return {each for each in found if isinstance(each, str) and each.isidentifier()}


def _named_code(call: ast.Call) -> list[ast.expr]:
    return [keyword.value for keyword in call.keywords if keyword.arg == "code"]


def family(prefix: str) -> set[str]:
    return {key.removeprefix(prefix) for key in catalogue("en") if key.startswith(prefix)}


# The languages.


def test_every_language_has_the_same_sentences() -> None:
    """No key is missing or alone anywhere; what English says of commands stands in their declarations."""
    keys = set(catalogue("en"))

    assert len(keys) > 100
    assert [keys] * len(LANGUAGES) == [
        {key for key in catalogue(language) if not key.startswith("command.")} for language in LANGUAGES
    ]


def test_every_command_and_each_of_its_fields_is_explained_in_indonesian() -> None:
    """One sentence each, and none for what no longer is there."""
    declared = {
        f"command.{command.shortcode}.{name}"
        for command in COMMANDS.values()
        for name in ("summary", *(field.name for field in command.fields))
    }

    assert len(COMMANDS) > 20
    assert declared == {key for key in catalogue("id") if key.startswith("command.")}
    assert [] == [key for key in catalogue("en") if key.startswith("command.")]


def test_each_indonesian_explanation_stands_below_the_english_one_that_it_says_again() -> None:
    """When the English one changes, this fails until someone has put it there, with the Indonesian one in view."""
    source = (PACKAGE / "answers" / "id.toml").read_text("utf-8")
    told = {
        (shortcode, name): english
        for shortcode, section in re.findall(r'^\[command\."(.+?)"\]\n((?:.+\n)+)', source, re.MULTILINE)
        for english, name in re.findall(r"^# (.+)\n(\w+) = ", section, re.MULTILINE)
    }

    assert {
        (command.shortcode, name): english
        for command in COMMANDS.values()
        for name, english in [("summary", command.summary), *((field.name, field.help) for field in command.fields)]
    } == told


def test_help_has_no_english_sentence_in_another_language() -> None:
    """Neither a summary nor what a field is for is left as it was declared."""
    english = {text for each in COMMANDS.values() for text in (each.summary, *(field.help for field in each.fields))}

    assert set() == english & {sentence for entry in catalogue("id").values() for sentence in forms(entry)}


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
    """Whatever the engine, its handlers, the documents and the policy find wrong with a step or a run."""
    engine = codes("core/machine.py", {"StepFailed": 2}) | codes("runtimes/driver.py", {"_erred": 2})
    engine |= codes("core/placeholders.py", {"PlaceholderError": 0, "MissingPlaceholder": 0, "_problem": 0})
    handlers = codes("handlers/*.py", RAISED) | {code for code, *_ in files._FINAL.values()}  # noqa: SLF001
    documents = codes("documents/*.py", RAISED | {"_refuse": 0, "refuse": 0})
    store = codes("stores/faults.py", RAISED) | {code for code, *_ in faults._FAULTS.values()}  # noqa: SLF001
    policy = set().union(*(codes(f"policy/{name}.py", RAISED) for name in ("addresses", "gate", "judge", "taint")))
    damage = set().union(*(codes(f"{name}.py", RAISED) for name in ("core/journal", "core/events", "stores/tables")))
    found = (engine | handlers | documents | store | policy | damage | {"global_timeout"}) - FREE - EARLIER

    assert {"poison", "missing_placeholder", "timeout", "permission_denied", "unknown_operator", "denied"} <= found
    assert found == family("failure.")


def test_everything_that_a_step_waits_for_has_words() -> None:
    """The signals of the machine; a missing handler also goes by the code of its attempt."""
    signals = codes("core/machine.py", {"StepWaiting": 2, "StepBlocked": 2})

    assert {"on_crash", "turn", "handler"} == signals
    assert signals | {UNKNOWN_HANDLER, RUNNER} == family("wait.")


def test_every_problem_of_a_reply_has_words() -> None:
    """What the core and the handlers find in a definition, the policy in a plan, and the layers above in a code."""
    definition = codes("core/check.py", RAISED | {"_bad_dependency": 0}) | codes(
        "core/placeholders.py", {"_problem": 0}
    )
    checks = codes("handlers/*.py", RAISED) | codes("policy/quotas.py", RAISED) | codes("templates/*.py", RAISED)
    code = codes("shortcodes/*.py", RAISED) | codes("commands/*.py", RAISED) | codes("policy/gate.py", RAISED)

    assert len(definition) >= 15
    assert set() == (definition | checks | code) - family("problem.") - family("failure.") - EARLIER


def test_every_action_has_words_for_both_outcomes() -> None:
    """It changed the run, or there was nothing to change."""
    assert {f"{action}{end}" for action in get_args(Action) for end in ("", "_unchanged")} == family("told.")


def test_every_rule_for_starting_has_words() -> None:
    """But for the one that goes without saying."""
    assert set(get_args(RunWhen)) - {"none_failed"} <= family("tree.")
