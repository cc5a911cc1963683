"""What came of a handler's own copy of the context, and how a value is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.core.check import strict_json
from syncara.core.plain import is_plain
from syncara.runtimes import own


def test_only_what_is_another_value_is_compared() -> None:
    """A value that is shared with the original is not even read: here it could be no JSON."""
    untouched = [object()]
    original = {"large": untouched, "small": [1], "n": 1, "gone": 0}
    mine = {"large": untouched, "small": [1, 2], "n": 2}

    assert ({"small": [1, 2], "n": 2}, ("gone",)) == own.changes(mine, original, None, None)


def test_a_result_that_is_put_into_the_context_too_is_kept_once() -> None:
    """What `set_context` returns and sets is one value on the board."""
    result, kept = [1], [1]

    changed, _ = own.changes({"k": result}, {}, result, kept)

    assert changed["k"] is kept


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from([{1}, b"x", 1j]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(0, 1), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(value=VALUES)
def test_what_is_found_plain_at_a_glance_is_json(value: Any) -> None:
    """The quick look never takes what the close one refuses."""
    try:
        strict_json(value)
    except ValueError:
        assert not is_plain(value)


@settings(max_examples=100)
@given(value=VALUES)
def test_large_values_are_judged_as_small_ones(value: Any) -> None:
    """Beside enough bytes for the quick look, the same is stored and refused, in the same words."""
    large = ["x" * own.SMALL_BYTES, value]

    def outcome(store: Callable[[Any], bytes]) -> bytes | str:
        try:
            return store(large)
        except ValueError as error:
            return str(error)

    assert outcome(strict_json) == outcome(own.stored)


@pytest.mark.parametrize("levels", [100, 101])
def test_the_quick_look_knows_how_deep_json_may_be(levels: int) -> None:
    """As deep as the close look allows, and no deeper; one that holds itself is too deep."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    circle: list[Any] = []
    circle.append(circle)

    assert (levels == 100, False) == (is_plain(value), is_plain(circle))
