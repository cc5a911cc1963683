"""What conditions can say, what they read, and how a condition that cannot be evaluated says why."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from syncara.core.expressions import Condition, ConditionFailed, compile_condition

CONTEXT: dict[str, Any] = {
    "user_count": 12,
    "name": "Ana Lima",
    "score": 7.5,
    "ready": True,
    "nothing": None,
    "empty": "",
    "key": "user_count",
    "tags": ["new", "vip", "new"],
    "user": {"id": 7, "email": "ana@example.org", "class": "gold", "items": [{"price": 3}, {"price": 4}]},
    "items": [1, 2, 3],
}
STEPS: dict[str, Any] = {
    "Load": {"status": "completed", "data": [{"name": "Ana", "_id": 1}]},
    "Load Users": {"status": "failed", "data": None},
    "Group/Task": {"status": "skipped", "data": None},
}

TRUE = """
    context.get('user_count') > 10
    context.get('should_process') == None
    context.get('missing', 5) == 5
    context.get('missing', context.user_count) == 12
    context.user_count == 12
    context['user_count'] == 12
    context[context.key] == 12
    context.get(context.key) == 12
    context.user.id == 7 and context['user']['email'] == 'ana@example.org'
    context.user['class'] == "gold"
    context.user.items[1].price == 4
    context.items[0] == 1 and context.items[-1] == 3
    context.items[1:] == [2, 3] and context.items[:1] == [1] and context.items[::2] == [1, 3]
    context.name[:3] == 'Ana'
    steps['Load'].status == 'completed'
    steps.Load.data[0].name == 'Ana' and steps.Load.data[0]._id == 1
    steps.get('Load').data != []
    steps.get('Never') is None
    steps['Load Users']['status'] == 'failed'
    steps['Group/Task'].data is None
    'Load' in steps and 'Never' not in steps
    'user_count' in context and 'missing' not in context
    'user_count' in context.keys() and 12 in context.values()
    'vip' in context.tags and 'old' not in context.tags
    'Lima' in context.name
    'id' in context.user
    context.name in ('Ana Lima', 'Bo') and context.score in {7.5, 8} and context.key in ['user_count']
    context.tags.count('new') == 2 and context.name.count('a') == 2
    context.name.lower() == 'ana lima' and context.name.upper() == 'ANA LIMA'
    context.name.startswith('Ana') and context.user.email.endswith('.org')
    '  x '.strip() == 'x' and 'xxaxx'.strip('x') == 'a'
    context.name.split() == ['Ana', 'Lima'] and 'a,b'.split(',')[1] == 'b'
    context.user.get('phone', 'none') == 'none'
    ('id', 7) in context.user.items()
    len(context.tags) == 3 and len(context.name) == 8 and len(context) == 10
    int('12') == 12 and float('2.5') == 2.5 and str(12) == '12' and bool('x')
    int(context.score) == 7 and round(context.score) == 8 and round(2.345, 1) == 2.3
    abs(-3) == 3 and min(3, 1, 2) == 1 and max(context.items) == 3 and sum(context.items) == 6
    any(context.tags) and all([1, 'a', True]) and not any([])
    context.user_count + 1 == 13 and context.user_count - 1 == 11 and context.user_count * 2 == 24
    context.user_count / 8 == 1.5 and context.user_count // 5 == 2 and context.user_count % 5 == 2
    2 ** 10 == 1024 and 2 ** -1 == 0.5 and 2 ** 0.5 > 1.4
    -context.user_count == -12 and +context.score == 7.5
    'a' + 'b' == 'ab' and [1] + [2] == [1, 2]
    1 < context.user_count < 20 and not 1 < context.user_count < 5
    1 < 2 <= 2 != 3
    context.nothing is None and context.name is not None and context.ready is True
    context.nothing is null and context.ready is not false
    context.nothing == null and context.ready == true and (context.empty == false) == false
    (1 if context.ready else 0) == 1 and (1 if context.empty else 0) == 0
    context.empty or context.name
    not context.empty and not context.nothing
    {'a': 1, 'b': 2}[context.get('letter', 'b')] == 2
    {1: 'x'}[1] == 'x'
    True
    true
    context.user_count
    ((((((((((context.ready))))))))))
    'it is "so"' == "it is \\"so\\"" and 'it\\'s' == "it's" and '\\\\' == "\\\\"
    'größe' != '' and "☃" in '☃☃'
    context.user_count==12 and(context.ready)and not(context.nothing)
"""
FALSE = """
    context.get('should_process') == True
    context.get('user_count') > 12
    context.get('nothing')
    context.empty and context.missing
    context.ready and context.nothing
    context.nothing or context.empty
    context.ready is not True
    context.user_count == '12'
    False
    null
    0 < context.user_count < 12
    5 < 1 < context.missing
    context.nothing != None
    'x' if context.nothing else context.empty
"""


def lines(table: str) -> list[str]:
    return [line.strip() for line in table.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("text", "expected"), [*((text, True) for text in lines(TRUE)), *((text, False) for text in lines(FALSE))]
)
def test_a_condition_holds_or_not(text: str, *, expected: bool) -> None:
    """Conditions mean what the same text means in Python; `true`, `false` and `null` mean what they do in JSON."""
    assert expected is compile_condition(text)(CONTEXT, STEPS)


def test_line_breaks_and_spaces_may_stand_between_words() -> None:
    """A condition may be laid out over several lines, and begin with spaces."""
    text = "\n  context.user_count > 10\r\n\tand context.ready  \n"

    assert compile_condition(text)(CONTEXT, STEPS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("context.x", {("context", "x")}),
        ("context['a b']", {("context", "a b")}),
        ("context.get('x')", {("context", "x")}),
        ("context.get('x', context.y)", {("context", "x"), ("context", "y")}),
        ("'x' in context", {("context", "x")}),
        ("'x' not in context", {("context", "x")}),
        ("context.a.b.c == context.a.d", {("context", "a")}),
        ("context.a[0].b", {("context", "a")}),
        ("context.a.get('b')", {("context", "a")}),
        ("context.get('a').get('b')", {("context", "a")}),
        ("context.items", {("context", "items")}),
        ("context.get", {("context", "get")}),
        ("context.x > 1 if context.y else context.z", {("context", "x"), ("context", "y"), ("context", "z")}),
        ("False and context.x", {("context", "x")}),
        ("context.a[context.b:context.c]", {("context", "a"), ("context", "b"), ("context", "c")}),
        ("len(context)", {("context", None)}),
        ("context", {("context", None)}),
        ("context == steps", {("context", None), ("steps", None)}),
        ("context[context.k]", {("context", "k"), ("context", None)}),
        ("context.get(context.k)", {("context", "k"), ("context", None)}),
        ("context[0]", {("context", None)}),
        ("context.keys()", {("context", None)}),
        ("'x' in context.keys()", {("context", None)}),
        ("context.k in context", {("context", "k"), ("context", None)}),
        ("'x' in context == True", {("context", None)}),
        ("steps['Load Users'].status == 'completed'", {("steps", "Load Users")}),
        ("steps.Load.data", {("steps", "Load")}),
        ("steps.get('Load')", {("steps", "Load")}),
        ("'Load' in steps", {("steps", "Load")}),
        ("steps[context.k].data", {("context", "k"), ("steps", None)}),
        ("steps", {("steps", None)}),
        ("'context.x' == 'steps.y'", set()),
        ("1 < 2", set()),
    ],
)
def test_what_a_condition_reads_is_known_before_it_runs(text: str, expected: set[tuple[str, str | None]]) -> None:
    """Reads are top-level keys and step names; None stands for all of them and for a computed key."""
    assert expected == compile_condition(text).reads


def test_a_condition_knows_its_text_and_the_steps_it_names() -> None:
    """`step_names` are the literal names, so that unknown ones can be refused before anything runs."""
    text = "steps.Load.data and steps['Load Users'].status == 'failed' and steps[context.k].data and context.Load"
    condition = compile_condition(text)

    assert text == condition.text
    assert frozenset({"Load", "Load Users"}) == condition.step_names


def test_the_same_text_is_compiled_once() -> None:
    """Compiled conditions are kept, so that compiling again costs a look-up."""
    assert compile_condition("context.kept > 1") is compile_condition("context.kept > 1")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("context.nothing > 10", "'>' does not go with null and a number"),
        ("context.name >= 10", "'>=' does not go with text and a number"),
        ("context.tags < context.user", "'<' does not go with a list and an object"),
        ("1 in context.user_count", "'in' does not go with a number and a number"),
        ("context.tags in context.name", "'in' does not go with a list and text"),
        ("context.tags not in {1, 2}", "'not in' does not go with a list and a set"),
        ("context.name + 1", "'+' does not go with text and a number"),
        ("context.name * 2", "'*' does not go with text and a number"),
        ("context.name % 2", "'%' does not go with text and a number"),
        ("-context.name", "'-' does not go with text"),
        ("context.user_count / context.get('zero', 0)", "'/': division by zero"),
        ("context.user_count ** 1000", "'**': the exponent is beyond 256, the limit of conditions"),
        ("(0 - context.user_count) ** 0.5", "'**': the result is not a real number"),
        (
            "context.user_cuont",
            "context has no 'user_cuont'. Did you mean 'user_count'? It has: user_count, name, score, ",
        ),
        ("context['zzz']", "context has no 'zzz'. It has: user_count, name, "),
        ("context.user.nam", "context.user has no 'nam'. It has: id, email, class, items"),
        ("context.user[context.name]", "context.user has no 'Ana Lima'. It has: id, email, class, items"),
        ("steps.Laod.status", "steps has no 'Laod'. Did you mean 'Load'? It has: Load, Load Users, Group/Task"),
        ("steps.Load.result", "steps.Load has no 'result'. It has: status, data"),
        ("context.nothing.x", "context.nothing is null, which has no 'x'"),
        ("context.get('gone').x", "context.get('gone') is null, which has no 'x'"),
        ("context.name.first", "context.name is text, which has no 'first'"),
        ("context.name['first']", "context.name is text, which has no 'first'"),
        ("context.items[3]", "context.items has 3 entries, so none at 3"),
        ("context.items[context.name]", "context.items is a list, which text cannot index"),
        ("context.items[::0 * context.user_count]", "context.items is a list, which a slice cannot index"),
        ("context.user[context.tags]", "context.user is an object, which a list cannot index"),
        ("context.user_count[0]", "context.user_count is a number, which cannot be indexed"),
        ("context.nothing.lower()", "null has no .lower()"),
        ("context.tags.upper()", "a list has no .upper()"),
        ("len(context.user_count)", "len(): object of type 'int' has no len()"),
        ("int(context.name)", "int(): invalid literal for int() with base 10: 'Ana Lima'"),
        ("str(context.tags)", "str(): takes text, a number, true/false or null, not a list"),
        ("round(context.score, 1000)", "round(): at most 30 digits"),
        ("max(context.user_count, context.name)", "max(): '>' not supported between instances of 'str' and 'int'"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_says_why(text: str, reason: str) -> None:
    """Whatever goes wrong with the data is one kind of exception, whose text is the reason."""
    with pytest.raises(ConditionFailed) as caught:
        compile_condition(text)(CONTEXT, STEPS)

    assert str(caught.value).startswith(reason)


def test_what_cannot_be_in_a_set_fails_the_condition() -> None:
    """Python says why, since 3.14 in a longer sentence."""
    with pytest.raises(ConditionFailed, match=r"^set\(\): .*unhashable type: 'list'"):
        compile_condition("{1, 2} == {0, context.tags}")(CONTEXT, STEPS)


def test_a_reason_stays_short_whatever_the_data() -> None:
    """A context with thousands of long keys gives a reason of at most 500 characters."""
    context = {f"{'k' * 1_000}{i}": i for i in range(1_000)}

    with pytest.raises(ConditionFailed) as caught:
        compile_condition("context.missing")(context, {})

    assert len(str(caught.value)) <= 500


BIG: dict[str, Any] = {
    "half": "x" * 60_000,
    "text": "x" * 100_001,
    "list": [0] * 100_001,
    "object": {str(n): n for n in range(100_001)},
    "number": 2**256,
    "large": 2**200,
}


@pytest.mark.parametrize(
    "text",
    [
        "context.half + context.half",
        "[context.half] + context.list",
        "context.text.lower()",
        "context.text.split()",
        "context.list.count(0)",
        "context.object.keys()",
        "context.object.values()",
        "context.object.items()",
        "context.list[1 - 1:]",
        "sum(context.list)",
        "max(context.list)",
        "any(context.list)",
        "context.number + 1",
        "1 - context.number",
        "-context.number",
        "abs(context.number)",
        "str(context.number)",
        "context.large * context.large",
        "context.large ** 2",
        "sum([context.large * 2 ** 55, context.large * 2 ** 55])",
        "int(context.half)",
        "float(context.half)",
        "int('9' + '" + "9" * 78 + "' + str(context.large))",
    ],
)
def test_an_operation_beyond_a_limit_fails_the_condition(text: str) -> None:
    """Operations take and make at most 100,000 characters or entries and 256 bits."""
    with pytest.raises(ConditionFailed):
        compile_condition(text)(BIG, {})


@pytest.mark.parametrize(
    "text",
    [
        "len(context.list) == 100001",
        "len(context.text) > 100000",
        "context.object.get('5') == 5",
        "context.object['5'] == 5 and context.list[100000] == 0",
        "context.text == context.text and context.list == context.list",
        "'x' in context.text and 0 in context.list and '7' in context.object",
        "context.number > context.large",
        "bool(context.list)",
    ],
)
def test_looking_at_large_values_is_welcome(text: str) -> None:
    """The limits hold for what is taken apart or built, not for what is measured, compared or looked up."""
    assert compile_condition(text)(BIG, {})


def test_data_nested_too_deeply_to_compare_fails_the_condition() -> None:
    """A RecursionError of the comparison does not leave the condition."""
    left: list[Any] = []
    right: list[Any] = []
    for _ in range(250_000):  # Python 3.14 compares as deep as the stack of the process allows
        left, right = [left], [right]

    with pytest.raises(ConditionFailed, match="nested too deeply"):
        compile_condition("context.left == context.right")({"left": left, "right": right}, {})


@pytest.mark.parametrize("text", lines(TRUE) + lines(FALSE))
def test_evaluating_changes_nothing(text: str) -> None:
    """Context and steps are the same before and after, whatever is evaluated."""
    context, steps = copy.deepcopy(CONTEXT), copy.deepcopy(STEPS)

    compile_condition(text)(context, steps)

    assert (CONTEXT, STEPS) == (context, steps)


def test_a_field_is_a_key_and_never_an_attribute() -> None:
    """`.name` of anything but an object fails, also where Python would find an attribute."""

    class Sly:
        status = "completed"

    condition = compile_condition("context.sly.status == 'completed'")
    with pytest.raises(ConditionFailed, match="which has no 'status'"):
        condition({"sly": Sly()}, {})


def test_a_condition_shows_its_text() -> None:
    """In a log or a debugger a condition is recognised."""
    condition: Condition = compile_condition("context.x > 1")

    assert "Condition('context.x > 1')" == repr(condition)
