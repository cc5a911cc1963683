"""Properties of conditions: Python's own eval is the oracle, and whatever the text, nothing unexpected leaves."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.core.errors import ConditionError
from syncara.core.expressions import ConditionFailed, compile_condition

NUMBER_KEYS = ("n", "m", "f")
TEXT_KEYS = ("s", "t")
LIST_KEYS = ("xs", "ys")

numbers = st.one_of(
    st.integers(-5, 20), st.sampled_from([0.5, -2.5, 1e3, None]), st.booleans(), st.integers(-(2**70), 2**70)
)
texts = st.sampled_from(["", "a", "Ab", " ab ", "größe", "a,b"])
lists = st.lists(st.one_of(st.integers(-3, 3), texts), max_size=3)
contexts = st.fixed_dictionaries(
    {
        **dict.fromkeys(NUMBER_KEYS, numbers),
        **dict.fromkeys(TEXT_KEYS, texts),
        **dict.fromkeys(LIST_KEYS, lists),
        "o": st.fixed_dictionaries({"n": numbers, "s": texts, "xs": lists}),
    },
    optional={"zz": st.none()},
)
step_states = st.fixed_dictionaries({"status": st.sampled_from(["completed", "failed"]), "data": numbers | lists})
all_steps = st.fixed_dictionaries({"A": step_states}, optional={"B b": step_states})


def reads(keys: tuple[str, ...]) -> st.SearchStrategy[str]:
    forms = ["context.{}", "context['{}']", "context.get('{}')", "context.get('{}', 1)"]
    inner = ["context.o." + keys[0], f"context.get('o').get('{keys[0]}')", f"context['o']['{keys[1]}']", "context.zz"]
    return st.builds(str.format, st.sampled_from(forms), st.sampled_from(keys)) | st.sampled_from(inner)


def joined(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(template.format, *parts)


def operators(*symbols: str) -> st.SearchStrategy[str]:
    return st.sampled_from(symbols)


text_expressions: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        texts.map(repr),
        reads(TEXT_KEYS),
        operators("steps['A'].status", "steps['B b'].status", "steps.get('A', {'status': 'none'})['status']"),
        joined("({} + {})", text_expressions, text_expressions),
        joined("({}).{}()", text_expressions, operators("lower", "upper", "strip")),
        joined("({})[{}]", text_expressions, operators("0", "-1", "1:", ":2", "::-1", "5")),
    )
)
list_expressions: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        reads(LIST_KEYS),
        operators("[]", "[1, 'a']", "['a']", "steps.A.data"),
        joined("[{}, {}]", number_expressions, text_expressions),
        joined("({} + {})", list_expressions, list_expressions),
        joined("({}).split(',')", text_expressions),
        joined("({})[1:]", list_expressions),
    )
)
number_expressions: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        operators("0", "1", "7", "2.5", "-3", "None", "True"),
        reads(NUMBER_KEYS),
        operators("steps.A.data", "len(steps)", "len(context)"),
        joined("({} {} {})", number_expressions, operators("+", "-", "/", "//", "%"), number_expressions),
        joined("({} * {})", reads(NUMBER_KEYS), operators("2", "-1", "0.5", "True")),
        joined("({} ** {})", reads(NUMBER_KEYS), operators("0", "1", "2", "-1")),
        joined("(-{})", number_expressions),
        joined("{}({})", operators("abs", "int", "float", "round"), number_expressions),
        joined("{}({}, {})", operators("min", "max"), number_expressions, number_expressions),
        joined("len({})", list_expressions | text_expressions),
        joined("({}).count({})", list_expressions, number_expressions),
        joined("({} if {} else {})", number_expressions, truths, number_expressions),
    )
)
anything = number_expressions | text_expressions | list_expressions
truths: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        joined("({} {} {})", number_expressions, operators("<", "<=", ">", ">=", "==", "!="), number_expressions),
        joined("({} {} {})", anything, operators("<", "==", "!="), anything),
        joined("({} < {} <= {})", number_expressions, number_expressions, number_expressions),
        joined("({} {} {})", anything, operators("in", "not in"), list_expressions | text_expressions),
        joined("({} {} context)", operators("'n'", "'s'", "'zz'"), operators("in", "not in")),
        joined("({} {} None)", anything, operators("is", "is not")),
        joined("({} {} {})", truths, operators("and", "or"), truths),
        joined("(not {})", truths),
        joined("{}({})", operators("any", "all", "bool"), list_expressions),
        joined("({}).{}({})", text_expressions, operators("startswith", "endswith"), text_expressions),
    )
)


class Fields(dict[str, Any]):
    """What Python needs to read `.key` as a condition does."""

    def __getattr__(self, key: str) -> Any:
        return self[key]


def with_fields(value: Any) -> Any:
    return Fields({key: with_fields(entry) for key, entry in value.items()}) if isinstance(value, dict) else value


def by_python(text: str, context: dict[str, Any], steps: dict[str, Any]) -> bool | None:
    """What eval() makes of the condition, None when it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(eval(text, {}, {"context": with_fields(context), "steps": with_fields(steps)}))  # noqa: S307
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
            return None


def by_condition(text: str, context: dict[str, Any], steps: dict[str, Any]) -> bool | None:
    try:
        return compile_condition(text)(context, steps)
    except ConditionFailed:
        return None


@settings(max_examples=400)
@given(text=truths, context=contexts, steps=all_steps)
def test_conditions_mean_what_they_mean_in_python(text: str, context: dict[str, Any], steps: dict[str, Any]) -> None:
    """A condition holds exactly when eval() of its text is true, and fails exactly when eval() raises."""
    before = copy.deepcopy((context, steps))
    try:
        actual = by_condition(text, context, steps)
    except ConditionError as error:  # A constant part that has no value is refused, even where it is never reached.
        assert error.code in {"cannot_evaluate", "too_complex", "too_long"}  # noqa: PT017
        return

    assert by_python(text, context, steps) is actual
    assert before == (context, steps)


@settings(max_examples=200)
@given(text=truths, context=contexts, steps=all_steps)
def test_only_what_a_condition_reads_matters(text: str, context: dict[str, Any], steps: dict[str, Any]) -> None:
    """With everything taken away that is not in its reads, a condition has the same outcome."""
    try:
        read = compile_condition(text).reads
    except ConditionError:
        return
    less_context = {k: v for k, v in context.items() if {("context", k), ("context", None)} & read}
    less_steps = {k: v for k, v in steps.items() if {("steps", k), ("steps", None)} & read}

    assert by_condition(text, context, steps) is by_condition(text, less_context, less_steps)


FRAGMENTS = [
    *("context", "steps", ".x", "['x']", ".get('x')", "(", ")", "[", "]", "{", "}", ",", ":", ".", "'", '"', "\\"),
    *("==", "<", ">", "!", "=", "+", "-", "*", "**", "/", "//", "%", "~", "^", "&", "|", "@", "<<", ":=", "->", "..."),
    *(
        "and",
        "or",
        "not",
        "in",
        "is",
        "if",
        "else",
        "for",
        "lambda",
        "await",
        "yield",
        "async",
        "None",
        "true",
        "f'{1}'",
    ),
    *(
        "0",
        "1",
        "9" * 90,
        "1e999",
        "0x1f",
        "1if",
        "07",
        "1_0",
        "1j",
        "len",
        "min",
        "int",
        "x",
        "__class__",
        "é",
        "\x00",
    ),
    *(" ", "\n", "\t", "\ud800", "#", ";", "$", "?", "`", "''", "'\\d'", "b''", "'%s'"),
]


@settings(max_examples=500)
@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)))
def test_any_text_is_a_condition_or_a_condition_error(text: str) -> None:
    """Compiling raises only ConditionError and warns of nothing, evaluating raises only ConditionFailed."""
    try:
        condition = compile_condition(text)
    except ConditionError as error:
        assert 1 <= error.column <= len(text) + 1  # noqa: PT017
        return

    assert by_condition(text, {"x": "a"}, {"x": {"status": "completed", "data": None}}) in {True, False, None}
    assert text == condition.text
