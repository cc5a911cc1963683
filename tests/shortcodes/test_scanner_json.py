"""JSON as language models write it: what is certain is repaired and said, everything else is an error with a place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.core.limits import JSON_DEPTH_MAX
from syncara.shortcodes import Call, scan
from syncara.shortcodes.lenient import BadJson, read_json
from tests.shortcodes.samples import only, right

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=4)


def execute(written: str) -> Call:
    """The code with `written` as its JSON."""
    return only(f"[MULTISTEP:EXECUTE:w:{written}]")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"a":"b: ] [MULTISTEP:STATUS:x] }"}', {"a": "b: ] [MULTISTEP:STATUS:x] }"}),
        (r'{"a":"\" \\ \/ \n \t \u00e9 \ud83c\udf89"}', {"a": '" \\ / \n \t é 🎉'}),
        ('{"a":["` ``` ~~~","> <!--"]}', {"a": ["` ``` ~~~", "> <!--"]}),
        ('{"a":"say “hi”, it’s ok"}', {"a": "say “hi”, it’s ok"}),
        ('{"a":[1,-2,3.5,1e3,0],"b":{},"c":[],"d":[[]],"e":[true,false,null]}',
         {"a": [1, -2, 3.5, 1000.0, 0], "b": {}, "c": [], "d": [[]], "e": [True, False, None]}),
        ('{\n\t"a"\u00a0: 1 ,\r\n "b" : 18446744073709551615\n}', {"a": 1, "b": (1 << 64) - 1}),
        ('{"مرحبا":"שלום","こんにちは":"👋🏽"}', {"مرحبا": "שלום", "こんにちは": "👋🏽"}),
        ('{"":""}', {"": ""}),
    ],
)  # fmt: skip
def test_json_is_read_to_its_end_whatever_is_in_its_texts(written: str, meant: Any) -> None:
    """Colons, brackets, codes, backticks and line breaks in JSON belong to the JSON."""
    call = execute(written)

    assert ({"workflow_id": "w", "context": meant}, None, ()) == (call.args, call.error, call.repairs)


@pytest.mark.parametrize(
    ("written", "meant", "repair"),
    [
        ("{“a”:“say \\”hi\\””}", {"a": "say ”hi”"}, "smart quotes instead of straight ones"),
        ('{„a”: “b"}', {"a": "b"}, "smart quotes instead of straight ones"),
        ("{‘a’:‘b’}", {"a": "b"}, "smart quotes instead of straight ones"),
        ("{'a':'it\\'s \"so\"'}", {"a": 'it\'s "so"'}, "single quotes instead of double ones"),
        ('{"a":1,}', {"a": 1}, "a trailing comma"),
        ('{"a":[1,2 , ],}', {"a": [1, 2]}, "a trailing comma"),
        ('{"a":[{"b":1},]}', {"a": [{"b": 1}]}, "a trailing comma"),
        ('{"a":True,"b":[False,None]}', {"a": True, "b": [False, None]},
         "True, False or None instead of true, false or null"),
        ("{a:1,b_2:2,größe:3}", {"a": 1, "b_2": 2, "größe": 3}, "keys without quotes"),
        ('{"a":{context.n},"b":[{item},{steps.Load users.data}]}',
         {"a": "{context.n}", "b": ["{item}", "{steps.Load users.data}"]}, "a placeholder without quotes"),
        ('{"a":"two\nlines"}', {"a": "two\nlines"}, "a line break inside a text"),
        (r'{"a":"it\'s 10\:30 \[now\]"}', {"a": "it's 10:30 [now]"}, "a needless backslash"),
    ],
)  # fmt: skip
def test_what_can_mean_one_thing_only_is_repaired_and_said(written: str, meant: Any, repair: str) -> None:
    """The forms that models are known for are read as they are meant, and `repairs` names them."""
    call = right(f"[MULTISTEP:EXECUTE:w:{written}]")

    assert (meant, (repair,)) == (call.args["context"], call.repairs)


@pytest.mark.parametrize(
    ("written", "at", "says"),
    [
        ('{"a":"He said "hi" to me"}', 'hi" to', "does not belong there"),
        ('{"a":1 "b":2}', '"b"', "comma"),
        ('{"a" 1}', "1}", "does not belong there"),
        ("{a 1}", "1}", "colon"),
        ('{"a":1,,"b":2}', ',"b"', "key in double quotes"),
        ('{"a":[1,,2]}', ",2", "value"),
        ('{"a":}', "}", "value"),
        ('{"a":b}', "b}", "'b' is no JSON value"),
        ('{"a":undefined}', "undefined", "no JSON value"),
        ('{"a":NaN}', "NaN", "no JSON value"),
        ('{1:"a"}', "1:", "key in double quotes"),
        ('{true:"a"}', "true", "key in double quotes"),
        ('{"a":01}', "01", "value"),
        ('{"a":+1}', "+1", "value"),
        ('{"a":.5}', ".5", "value"),
        ('{"a":1_000}', "1_000", "value"),
        ('{"a":18446744073709551616}', "184", "beyond 64 bits"),
        ('{"a":1e999}', "1e999", "beyond 64 bits"),
        ('{"a":' + "9" * 5000 + "}", "999", "beyond 64 bits"),
        ('{"a":"C:\\Users"}', "\\Users", "no escape"),
        ('{"a":"\\u12"}', "\\u12", "no escape"),
        ('{"a":"x","b":"\\ud83c"}', '"\\ud83c', "half of a character"),
        ('{"a":1,"a":2}', 'a":2', "twice"),
        ('{"a":[1}', "}", "comma or a closing bracket"),
        ('{"a":1} x', "x]", "follows the JSON"),
        ('{"a":1}}', "}]", "follows the JSON"),
        ('{"a":1 // no\n}', "// no", "comma or a closing bracket"),
        ('{"a"：1}', "：1", "does not belong there"),
        ("[" * (JSON_DEPTH_MAX + 1), "[", "nested deeper"),
    ],
)  # fmt: skip
def test_what_is_no_json_for_certain_is_an_error_with_its_place(written: str, at: str, says: str) -> None:
    """Nothing is guessed: the first character that cannot be read is pointed at."""
    text = f"[MULTISTEP:EXECUTE:w:{written}]"
    (call, *_) = scan(text)

    assert call.error is not None
    start, end = call.error.position
    assert ("bad_json", "context", at[0], 1) == (call.error.code, call.error.field, text[start:end], end - start)
    assert text[start:].startswith(at)
    assert says in call.error.message


def test_deep_json_is_read_down_to_the_limit() -> None:
    """As many levels as may be stored, without a recursion."""
    written = "[" * JSON_DEPTH_MAX + "]" * JSON_DEPTH_MAX

    assert read_json(written, 0).value == json.loads(written)


@pytest.mark.parametrize("unit", ["[", '{"a":', "{'a':[", '["', '{"a":"\\', "[{"])
def test_a_million_characters_of_what_never_ends_are_refused(unit: str) -> None:
    """However deep or long, the answer is BadJson."""
    with pytest.raises(BadJson):
        read_json(unit * (1_000_000 // len(unit)), 0)


@given(OBJECTS, st.booleans(), st.sampled_from([None, 1]))
def test_what_python_writes_is_read_back(value: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    """Any JSON object, in any of the usual layouts, comes back unchanged and without a repair."""
    written = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    found = read_json(f"x{written}:", 1)

    assert (value, len(written) + 1, ()) == (found.value, found.end, found.repairs)


@given(st.text("{}[]:,\"'\\ \n“”‘’abnt01-.eu{context.x}", max_size=40))
def test_where_strict_json_can_be_read_the_lenient_reader_agrees(text: str) -> None:
    """A repair never changes the meaning of what is JSON already."""
    try:
        strict = json.loads(text, parse_constant=pytest.fail)
    except ValueError:
        return
    if isinstance(strict, dict | list):
        assert strict == read_json(text.lstrip(), 0).value
