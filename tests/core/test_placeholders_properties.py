"""Properties of placeholders, for texts and values of any kind."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from syncara.core.placeholders import PlaceholderError, compile_params

OPENERS = ("{context.", "{steps.", "{secret.", "{item", "{index", "\\{")
letters = st.characters(codec="utf-8")
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(letters, max_size=10) | st.sampled_from(["{context.x}", "{item}", "\\{", "{steps.A.data}", "}}", "{{"])
values = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(letters, max_size=5), inner, max_size=3),
    max_leaves=8,
)
FRAGMENTS = [
    *OPENERS,
    *"{}[]|.\\' \n",
    "context.",
    "x",
    "steps.",
    "A",
    "data",
    "item",
    "index",
    "0",
    "secret.K",
    '"',
    "é",
]
fragments = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join)


@given(st.text(letters) | fragments)
def test_text_without_an_opener_needs_no_template(text: str) -> None:
    """Params in which nothing opens a placeholder are used as they are."""
    assume(not any(opener in text for opener in OPENERS))

    assert compile_params({"a": text, "b": [text]}, ()) is None


@given(before=st.text(letters), after=st.text(letters), value=texts)
def test_text_around_a_placeholder_is_kept(before: str, after: str, value: str) -> None:
    """Whatever stands before and after comes out as it went in, and so does the value between."""
    assume("{" not in before + after and not before.endswith("\\"))
    template = compile_params({"a": f"{before}{{context.x}}{after}!"}, ())

    assert template is not None
    assert {"a": f"{before}{value}{after}!"} == template.render({"x": value}, {})


@given(values)
def test_a_whole_placeholder_gives_the_value_itself(value: Any) -> None:
    """Type and content are kept, whatever the value holds, and however large it is it is not copied."""
    template = compile_params({"a": "{context.x}", "b": {"c": ["{item.y}"]}}, ())
    assert template is not None

    rendered = template.render({"x": value}, {}, item={"y": value})

    assert msgspec.json.encode({"a": value, "b": {"c": [value]}}) == msgspec.json.encode(rendered)
    assert rendered["a"] is value


@given(values)
def test_within_text_a_value_is_its_json_unless_it_is_text_or_a_number(value: Any) -> None:
    """What is written for a value reads back as that value, or is the text itself."""
    template = compile_params({"a": "<{context.x}>"}, ())
    assert template is not None

    written = template.render({"x": value}, {})["a"][1:-1]

    assert value == (written if isinstance(value, str) else msgspec.json.decode(written))


@settings(max_examples=300)
@given(text=fragments, value=values)
def test_any_params_render_or_are_refused(text: str, value: Any) -> None:
    """Nothing but PlaceholderError leaves a template, and rendering twice gives the same."""
    params = {"a": text, "b": [{"c": text}]}
    template = compile_params(params, {"A": 0})
    if template is None:
        return

    def outcome() -> Any:
        try:
            return template.render(
                {"x": value, "A": {"x": value}}, {"A": {"status": "completed", "data": value}}, item=value
            )
        except PlaceholderError as error:
            return error.code

    first = outcome()
    assert first == outcome()
    assert isinstance(first, dict) or bool(first)
    if template.problems:
        assert template.problems[0].code == first
    assert {"a": text, "b": [{"c": text}]} == params
