"""What placeholders in params are, what they become, and what is said when they cannot be filled."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from syncara.core.limits import JSON_DEPTH_MAX, PARAMS_BYTES_MAX
from syncara.core.placeholders import MissingPlaceholder, PlaceholderError, Template, compile_params

CONTEXT: dict[str, Any] = {
    "user_id": 123456789,
    "user_name": "Ana",
    "score": 7.5,
    "ready": True,
    "nothing": None,
    "empty": "",
    "tags": ["a", "b"],
    "user": {"name": "Lima", "e-mail": "ana@example.org", "a.b": 1, "two words": 2, "größe": 3},
    "items": [{"price": 3}, {"price": 4}],
    "markup": "{context.user_name} {item} \\{",
}
STEPS: dict[str, dict[str, Any]] = {
    "Load": {"status": "completed", "data": {"name": "short"}},
    "Load Users": {"status": "completed", "data": [{"name": "Bo", "id": 5}]},
    "Load.Users": {"status": "completed", "data": "dotted"},
    "Load.data": {"status": "completed", "data": "longest wins"},
    "Group/Task 1": {"status": "failed", "data": None},
    "A|B [x]": {"status": "completed", "data": "odd"},
    'What\'s "up"?': {"status": "completed", "data": "quoted"},
}


def template(params: dict[str, Any]) -> Template:
    compiled = compile_params(params, STEPS)
    assert compiled is not None
    return compiled


def render(text: Any, **more: Any) -> Any:
    return template({"text": text}).render(CONTEXT, STEPS, **more)["text"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{context.user_id}", 123456789),
        ("{context.user_name}", "Ana"),
        ("{context.score}", 7.5),
        ("{context.ready}", True),
        ("{context.nothing}", None),
        ("{context.tags}", ["a", "b"]),
        ("{context.user.name}", "Lima"),
        ("{context.items[0].price}", 3),
        ("{context.items[-1].price}", 4),
        ("{context.items.1.price}", 4),
        ("{context.items}", [{"price": 3}, {"price": 4}]),
        ("{context.user.e-mail}", "ana@example.org"),
        ("{context.user['a.b']}", 1),
        ('{context.user["a.b"]}', 1),
        ("{context.user.two words}", 2),
        ("{context.user.größe}", 3),
        ("{context. user . name }", "Lima"),
        ("{steps.Load Users.data[0].name}", "Bo"),
        ("{steps.Load Users.data[0].id}", 5),
        ("{steps.Load Users.status}", "completed"),
        ("{steps.Load.status}", "completed"),
        ("{steps.Load.Users.data}", "dotted"),
        ("{steps.Load.data}", {"status": "completed", "data": "longest wins"}),
        ("{steps.Group/Task 1.data}", None),
        ("{steps.A|B [x].data}", "odd"),
        ('{steps.What\'s "up"?.data}', "quoted"),
        ("{steps.Load Users.data[7]|none}", "none"),
    ],
)
def test_a_string_that_is_one_placeholder_keeps_the_type(text: str, expected: Any) -> None:
    """The whole value takes the place of the string, be it a number, a list or null."""
    actual = render(text)

    assert expected == actual
    assert type(expected) is type(actual)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {context.user_name}!", "Hello Ana!"),
        ("{context.user_name}{context.user_id}", "Ana123456789"),
        (" {context.user_id}", " 123456789"),
        ("score {context.score}", "score 7.5"),
        ("ready: {context.ready}", "ready: true"),
        ("nothing: {context.nothing}", "nothing: null"),
        ("empty: {context.empty}.", "empty: ."),
        ("tags: {context.tags}", 'tags: ["a","b"]'),
        ("first: {context.items[0]}", 'first: {"price":3}'),
        ("{steps.Load Users.data[0].name} and {steps.Load.Users.data}", "Bo and dotted"),
        ("größe {context.user.größe} ☃", "größe 3 ☃"),
    ],
)
def test_within_text_a_value_is_written_out(text: str, expected: str) -> None:
    """Text goes in as it is, a number as a number, everything else as compact JSON."""
    assert expected == render(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{context.missing|friend}", "friend"),
        ("{context.missing | dear friend }", "dear friend"),
        ("{context.missing|}", ""),
        ("{context.missing.deeper[0]|none}", "none"),
        ("{context.nothing.deeper|none}", "none"),
        ("{context.nothing|none}", "none"),
        ("{context.items[5].price|0}", 0),
        ("{context.missing|10}", 10),
        ("{context.missing|false}", False),
        ("{context.missing|null}", None),
        ("{context.missing|[1,2]}", [1, 2]),
        ('{context.missing|"10"}', "10"),
        ("{context.missing|007}", "007"),
        ("{context.missing|a|b}", "a|b"),
        ("{context.missing|[}", "["),
        ("{context.empty|none}", ""),
        ("{context.user_id|0}", 123456789),
        ("Hi {context.missing|friend}!", "Hi friend!"),
        ('Hi {context.missing|"friend"}!', "Hi friend!"),
        ("{context.missing|10.00} EUR", "10.00 EUR"),
        ("{context.nothing|no} and {context.missing|[1, 2]}", "no and [1, 2]"),
        ("{item|none}", "none"),
        ("{index|0}", 0),
    ],
)
def test_a_default_stands_in_for_what_is_missing_or_null(text: str, expected: Any) -> None:
    """A default that is JSON keeps its type when it is the whole string; within text it is written as it stands."""
    assert expected == render(text)


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("{item}", {"item": {"id": 1}}, {"id": 1}),
        ("{item.id}", {"item": {"id": 1}}, 1),
        ("{item[1]}", {"item": [5, 6]}, 6),
        ("{item}", {"item": None}, None),
        ("{item.id|none}", {"item": {}}, "none"),
        ("{index}", {"index": 0}, 0),
        ("no. {index}: {item}", {"item": "x", "index": 3}, "no. 3: x"),
    ],
)
def test_item_and_index_come_from_the_call(text: str, more: dict[str, Any], expected: Any) -> None:
    """What a batch goes through is given to render(), not to the context."""
    assert expected == render(text, **more)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "{",
        "}",
        "{}",
        "{{}}",
        "}}",
        '{"x":{"y":1}}',
        '{"$set": {"a": [{"b": 1}]}}',
        "{x}",
        "{0}",
        "{name}",
        "{context}",
        "{context",
        "{contexts.a}",
        "{Context.a}",
        "{ context.a }",
        "{steps}",
        "{items}",
        "{item_id}",
        "{item",
        "{index",
        "{index.a}",
        "{indexes}",
        "{secret}",
        "${HOME}",
        "a \\ b",
        "%s {!r:>10}",
    ],
)
def test_any_other_brace_is_text(text: str) -> None:
    """Params without an opener and without an escaped brace have no template: they are used as they are."""
    assert compile_params({"text": text, "deep": [{"text": text}], "n": 1}, STEPS) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\{context.user_name}", "{context.user_name}"),
        ("\\{", "{"),
        ("\\{x}", "{x}"),
        ("\\{item} is {context.user_name}", "{item} is Ana"),
        ("{context.user_name}\\{", "Ana{"),
        ("\\{{context.user_name}}", "{Ana}"),
        ("\\\\{context.user_name}", "\\{context.user_name}"),
        ('{"name":"{context.user_name}","tags":{context.tags}}', '{"name":"Ana","tags":["a","b"]}'),
        ("{context.user_name}}}", "Ana}}"),
        ("{{context.user_name}}", "{Ana}"),
    ],
)
def test_braces_around_placeholders_stay(text: str, expected: str) -> None:
    r"""`\{` is a brace that opens nothing; braces that open nothing are never dropped or doubled."""
    assert expected == render(text)


def test_every_string_at_any_depth_is_rendered_and_no_key() -> None:
    """Params keep their shape; strings in lists and objects are filled, keys and other values stay."""
    params = {
        "query": {"id": "{context.user_id}", "$or": [{"name": "{context.user.name}"}, {"n": 1.5, "b": None}]},
        "{context.user_id}": "{context.user_name}",
        "pair": ("{context.ready}", False),
    }

    assert {
        "query": {"id": 123456789, "$or": [{"name": "Lima"}, {"n": 1.5, "b": None}]},
        "{context.user_id}": "Ana",
        "pair": [True, False],
    } == template(params).render(CONTEXT, STEPS)


def test_what_is_filled_in_is_never_read_again() -> None:
    """A value that looks like a placeholder or an escape is text like any other."""
    assert CONTEXT["markup"] == render("{context.markup}")
    assert f"<{CONTEXT['markup']}>" == render("<{context.markup}>")
    assert {"x": CONTEXT["markup"]} == render("{item}", item={"x": CONTEXT["markup"]})
    assert ["{context.user_name}"] == render('{context.missing|["\\u007bcontext.user_name\\u007d"]}')


def test_rendering_changes_nothing_and_shares_what_it_fills_in() -> None:
    """What a whole placeholder takes is the value itself, however large; all else is new each time."""
    context, steps = copy.deepcopy(CONTEXT), copy.deepcopy(STEPS)
    params = {"a": "{context.items}", "b": "{steps.Load Users.data}", "c": {"fixed": [1]}, "d": "{context.user_id}"}
    compiled = template(params)

    first = compiled.render(context, steps)
    first["c"]["fixed"].append(2)
    first["c"]["more"] = 3

    assert first["a"] is context["items"]
    assert first["b"] is steps["Load Users"]["data"]
    assert (CONTEXT, STEPS) == (context, steps)
    assert {"a": CONTEXT["items"], "b": STEPS["Load Users"]["data"], "c": {"fixed": [1]}, "d": 123456789} == (
        compiled.render(context, steps)
    )
    assert [1] == params["c"]["fixed"]  # type: ignore[index]


def test_what_a_template_reads_is_known_before_it_is_rendered() -> None:
    """Reads are the top-level context keys and the step names."""
    params = {"a": "{context.user.name} {context.tags[0]|none}", "b": ["{steps.Load Users.data[0]}"], "c": "{item.x}"}

    assert {("context", "user"), ("context", "tags"), ("steps", "Load Users")} == template(params).reads


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{context.user_nme}",
            "context has no 'user_nme'. Did you mean 'user_name'? It has: user_id, user_name, score,",
        ),
        ("Hi {context.zzz}", "context has no 'zzz'. It has: user_id,"),
        (
            "{context.user.nam}",
            "context.user has no 'nam'. Did you mean 'name'? It has: name, e-mail, a.b, two words, ",
        ),
        ("{context.items[2]}", "context.items has 2 entries, so none at '2'"),
        ("{context.items[-3]}", "context.items has 2 entries, so none at '-3'"),
        ("{context.items[99999999999999999999]}", "context.items has 2 entries, so none at '99999999999999999999'"),
        ("{context.items.first}", "context.items has 2 entries, so none at 'first'"),
        ("{context.user_name.first}", "context.user_name is text, which has no 'first'"),
        ("{context.user_name[0]}", "context.user_name is text, which has no '0'"),
        ("{context.nothing.x}", "context.nothing is null, which has no 'x'"),
        ("{steps.Load.result}", "steps.Load has no 'result'. It has: status, data"),
        ("{item}", "there is no 'item' here"),
        ("no. {index}", "there is no 'index' here"),
    ],
)
def test_a_missing_key_without_a_default_names_the_keys_that_exist(text: str, message: str) -> None:
    """MissingPlaceholder says what is missing, where, what is there instead, and how to write a default."""
    with pytest.raises(MissingPlaceholder) as caught:
        render(text)

    assert "missing_placeholder" == caught.value.code
    assert caught.value.message.startswith(message)
    assert caught.value.where in text
    assert "|" in caught.value.fix


def test_a_step_that_is_not_there_yet_is_missing() -> None:
    """A step that is known but has no entry among the steps given is a missing key."""
    with pytest.raises(MissingPlaceholder, match=r"steps has no 'Load Users'\. It has: Load"):
        template({"a": "{steps.Load Users.data}"}).render({}, {"Load": STEPS["Load"]})


def test_an_error_stays_short_whatever_the_data() -> None:
    """Thousands of long keys and a path of a thousand parts make a message of at most 1,500 characters."""
    context: dict[str, Any] = {f"{'k' * 1_000}{i}": i for i in range(1_000)} | {"a": {"a": {}}}

    for text in ("{context." + "z" * 5_000 + "}", "{context.a.a" + ".a" * 1_000 + "}"):
        with pytest.raises(MissingPlaceholder) as caught:
            template({"x": text}).render(context, {})
        assert len(str(caught.value)) <= 1_500


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{context.}", "malformed_placeholder"),
        ("{context. }", "malformed_placeholder"),
        ("{context.a", "malformed_placeholder"),
        ("{context.a {context.b}", "malformed_placeholder"),
        ("{context..a}", "malformed_placeholder"),
        ("{context.a.}", "malformed_placeholder"),
        ("{context.a[}", "malformed_placeholder"),
        ("{context.a[b]}", "malformed_placeholder"),
        ("{context.a['b}", "malformed_placeholder"),
        ("{context.a['']}", "malformed_placeholder"),
        ("{context.a]}", "malformed_placeholder"),
        ('{context.a"}', "malformed_placeholder"),
        ("{context.a\nb}", "malformed_placeholder"),
        ("{context.|default}", "malformed_placeholder"),
        ("{item.}", "malformed_placeholder"),
        ("{item[}", "malformed_placeholder"),
        ("{steps.Load Users.}", "malformed_placeholder"),
        ("{secret.}", "malformed_placeholder"),
        ("{secret.A B}", "malformed_placeholder"),
        ("{secret.A|b}", "malformed_placeholder"),
        ("{steps.}", "unknown_step"),
        ("{steps.Lod Users.data}", "unknown_step"),
        ("{steps.Never|default}", "unknown_step"),
        ("{steps.load users.data}", "unknown_step"),
    ],
)
def test_what_is_wrong_whatever_the_data_is_a_problem_of_the_template(text: str, code: str) -> None:
    """Problems name the place within the params, and a template that has some does not render."""
    compiled = template({"query": [{"id": f"before {text} after"}]})

    assert [(code, "params.query.0.id")] == [(problem.code, problem.where) for problem in compiled.problems]
    assert compiled.problems[0].fix
    with pytest.raises(PlaceholderError) as caught:
        compiled.render(CONTEXT, STEPS)
    assert code == caught.value.code


def test_an_unknown_step_offers_the_nearest_name() -> None:
    """A misspelt step name is answered with the one that was probably meant."""
    (problem,) = template({"a": "{steps.Lod Users.data[0]}"}).problems

    assert "Did you mean 'Load Users'?" == problem.fix


def test_all_problems_are_reported_up_to_ten() -> None:
    """One look shows everything that is wrong, and a million mistakes make ten problems."""
    assert 3 == len(template({"a": "{context.} {steps.X.data}", "b": ["{secret. }"]}).problems)
    assert 10 == len(template({"a": "{context.} " * 50, "b": ["{context.}"] * 50}).problems)


def test_params_nested_too_deeply_are_a_problem() -> None:
    """Compiling goes no deeper than JSON may be nested."""
    params: dict[str, Any] = {"text": "{context.user_id}"}
    for _ in range(100_000):
        params = {"deep": params}

    assert ["too_deep"] == [problem.code for problem in template(params).problems]


def test_values_that_make_params_too_deep_are_refused() -> None:
    """A value counts from the depth at which it is put in."""
    nested: Any = 1
    for _ in range(JSON_DEPTH_MAX - 2):
        nested = [nested]
    params: dict[str, Any] = {"a": ["{item}"]}

    assert {"a": [nested]} == template(params).render({}, {}, item=nested)
    with pytest.raises(PlaceholderError) as caught:
        template(params).render({}, {}, item=[nested])
    assert "too_deep" == caught.value.code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{item}", "x" * PARAMS_BYTES_MAX),
        ("{item}", "☃" * (PARAMS_BYTES_MAX // 3)),
        ("{item}", "\x00" * (PARAMS_BYTES_MAX // 6)),
        ("{item}", [0] * (PARAMS_BYTES_MAX // 2)),
        ("{item}", {"k" * PARAMS_BYTES_MAX: 1}),
        ("<{item}>", "x" * PARAMS_BYTES_MAX),
        ("<{item}>", [[]] * (PARAMS_BYTES_MAX // 3)),
        ("{item}" * 2_000, "x" * 1_000),
        (["{item}"] * 2_000, ["x" * 1_000]),
        (["{item}"] * 2_000, {"x" * 1_000: 1}),
        (["{item}"] * 2_000, 10**4_000),
        (["{item}{item}"] * 100_000, "x" * 1_000_000),
    ],
)
def test_rendered_params_have_a_limit(text: Any, value: Any) -> None:
    """What would exceed the limit of params as JSON is refused before it is built."""
    with pytest.raises(PlaceholderError) as caught:
        render(text, item=value)

    assert "params_too_large" == caught.value.code


def test_params_at_the_limit_are_rendered() -> None:
    """The limit counts the JSON of the result: `{"text":"…"}` takes 11 bytes beside its text."""
    assert "x" * (PARAMS_BYTES_MAX - 11) == render("{item}", item="x" * (PARAMS_BYTES_MAX - 11))


def test_a_secret_stays_for_whoever_calls_the_handler() -> None:
    """`{secret.NAME}` is recognised, takes part in nothing, and is neither read from the context nor filled."""
    compiled = template({"headers": {"Authorization": "Bearer {secret.API_KEY} for {context.user_name}"}})

    assert {("context", "user_name")} == compiled.reads
    assert () == compiled.problems
    assert {"headers": {"Authorization": "Bearer {secret.API_KEY} for Ana"}} == compiled.render(CONTEXT, {})


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("{secret.API_KEY} {context.a}", {"a": "{secret.OTHER}"}),
        ("{secret.API_KEY} {context.a}", {"a": ["{secret.OTHER}"]}),
        ("{secret.API_KEY} {context.a}cret.OTHER}", {"a": "{se"}),
    ],
)
def test_a_value_cannot_smuggle_a_secret_in_beside_another(text: str, context: dict[str, Any]) -> None:
    """In a string that is going to be filled with secrets, a value may not open one."""
    with pytest.raises(PlaceholderError) as caught:
        template({"text": text}).render(context, {})

    assert "secret_in_value" == caught.value.code


MIB = 1_048_576
WORST: list[Callable[[], str]] = [
    lambda: "{context." * (MIB // 9),
    lambda: "{steps." * (MIB // 7),
    lambda: "{secret." * (MIB // 8),
    lambda: "{item." * (MIB // 6),
    lambda: "{" * MIB,
    lambda: "\\{" * (MIB // 2),
    lambda: "{context.}" * (MIB // 10),
    lambda: "{context.a}" * (MIB // 11),
    lambda: "{context.a|" * (MIB // 11),
    lambda: "{context." + "a." * (MIB // 2) + "a}",
    lambda: "{context.a" + "[0]" * (MIB // 3) + "}",
    lambda: "{context." + "[" * MIB + "}",
    lambda: "{context.a['" + "x" * MIB + "}",
    lambda: "{context." + " " * MIB + "}",
    lambda: "{context.a" + " " * MIB + "[",
    lambda: "{context.a|" + "[" * (MIB // 2) + "}",
    lambda: "{steps." + "." * MIB + "}",
    lambda: "{steps." + "Load" * (MIB // 4) + "}",
    lambda: ("{steps.Load" + ".b" * 600 + "}") * (MIB // 1_212),
    lambda: ("{steps.Never" + ".b" * 600 + "}") * (MIB // 1_213),
    lambda: "{steps.Load" + "|" * MIB + "}",
]


@pytest.mark.parametrize("text", WORST, ids=range(len(WORST)))
def test_hostile_text_ends_well(text: Callable[[], str]) -> None:
    """A mebibyte of the worst text is rendered or refused like any other; quadratic work would not end here."""
    compiled = compile_params({"text": text()}, STEPS)
    if compiled is not None:
        try:
            rendered = compiled.render({"a": "x"}, {"Load": {"status": "completed", "data": None}})
        except PlaceholderError as error:
            assert error.code in {  # noqa: PT017
                "malformed_placeholder",
                "missing_placeholder",
                "params_too_large",
                "unknown_step",
            }
        else:
            assert len(rendered["text"]) <= PARAMS_BYTES_MAX
