"""The copy of the context that a handler gets: its own in every respect, and no more of it copied than is looked at."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.core.check import strict_json
from syncara.core.plain import is_plain
from syncara.runtimes import own
from syncara.runtimes.own import OwnContext

CONTEXT: dict[str, Any] = {"user": {"tags": ["a"]}, "list": [[1]], "name": "Ada", "none": None}


def deeply(value: Any) -> None:
    """Change every list and object in a value."""
    for inner in list(value.values() if isinstance(value, dict) else value):
        if isinstance(inner, dict | list):
            deeply(inner)
    if isinstance(value, dict):
        value["changed"] = True
    else:
        value.append("changed")


def as_named(**named: Any) -> dict[str, Any]:
    """What a function gets that is called with `**`."""
    return named


@pytest.mark.parametrize(
    "taken",
    [
        lambda own: [own["user"], own["list"]],
        lambda own: [own.get("user"), own.get("list", 0)],
        lambda own: [own.pop("user"), own.pop("list", None)],
        lambda own: [own.setdefault("user", {}), own.setdefault("list", [])],
        lambda own: [own.popitem()[1] for _ in range(4)][2:],
        lambda own: list(own.values())[:2],
        lambda own: [value for _, value in own.items()][:2],
        lambda own: [dict(own)["user"], {**own}["list"]],
        lambda own: [(own | {})["user"], ({} | own)["list"]],
        lambda own: [own.copy()["user"], copy.copy(own)["list"]],
        lambda own: [as_named(**own)["user"], json.loads(json.dumps(own))["list"]],
        lambda own: [copy.deepcopy(own)["user"], pickle.loads(pickle.dumps(own))["list"]],  # noqa: S301
    ],
)
def test_whatever_is_taken_from_it_is_a_copy(taken: Callable[[Any], list[Any]]) -> None:
    """By each way on which a dict hands out values, a change of them reaches nobody else."""
    original = copy.deepcopy(CONTEXT)

    values = taken(OwnContext(original))

    assert sorted(map(str, [CONTEXT["user"], CONTEXT["list"]])) == sorted(map(str, values))
    for value in values:
        deeply(value)
    assert original == CONTEXT


def test_it_is_a_dict_in_every_other_respect() -> None:
    """Equal to the original, in its order, and of its length; a missing key is one."""
    mine = OwnContext(CONTEXT)

    assert (CONTEXT, list(CONTEXT), 4, True) == (mine, list(mine), len(mine), "user" in mine)
    assert (7, 8, None) == (mine.get("x", 7), mine.pop("x", 8), mine.get("x"))
    with pytest.raises(KeyError, match="x"):
        mine.pop("x")


def test_only_what_is_looked_at_is_copied_or_compared() -> None:
    """A value that a handler leaves alone is not even read: here it could be neither copied nor compared."""
    untouched = [object()]
    mine = OwnContext({"large": untouched, "small": [1], "n": 1, "gone": 0})
    mine["n"] = 2
    mine["small"].append(2)
    del mine["gone"]

    assert ({"small": [1, 2], "n": 2}, ("gone",)) == own.changes(
        mine, {"large": untouched, "small": [1], "n": 1, "gone": 0}, None, None
    )
    with pytest.raises(TypeError):
        mine["large"]


def test_a_result_that_is_put_into_the_context_too_is_kept_once() -> None:
    """What `set_context` returns and sets is one value on the board."""
    result, kept = [1], [1]
    mine = OwnContext({})
    mine["k"] = result

    changed, _ = own.changes(mine, {}, result, kept)

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
