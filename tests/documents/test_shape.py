"""How the answer of a find is sorted and cut to the fields that are wanted, by MongoDB's rules."""

from __future__ import annotations

from typing import Any

import pytest

from syncara.core.errors import ValidationError
from syncara.documents.shape import compile_projection, compile_sort

ASCENDING: list[Any] = [[], None, -1, 2.5, 3, "", "B", "a", {}, {"x": 1}, {"y": 0}, {"x": "0"}, [[1]], False, True]


def test_values_sort_by_type_and_then_by_value() -> None:
    """Empty array, null, numbers, text, objects, arrays inside arrays, false, true."""
    documents: list[dict[str, Any]] = [{"a": value} for value in reversed(ASCENDING)]

    assert ASCENDING == [document["a"] for document in sorted(documents, key=compile_sort("a"))]
    assert ASCENDING[::-1] == [document["a"] for document in sorted(documents, key=compile_sort({"a": -1}))]


def test_an_array_sorts_by_its_smallest_and_backwards_by_its_largest_element() -> None:
    """[1, 9] comes before 2 in ascending order and before 8 in descending order."""
    documents: list[dict[str, Any]] = [{"a": 2}, {"a": [9, 1]}, {"a": 8}]

    assert [[9, 1], 2, 8] == [document["a"] for document in sorted(documents, key=compile_sort({"a": 1}))]
    assert [[9, 1], 8, 2] == [document["a"] for document in sorted(documents, key=compile_sort({"a": -1}))]


def test_a_missing_field_sorts_as_null() -> None:
    """Documents with null and documents without the field keep the order they came in."""
    documents: list[dict[str, Any]] = [{"n": 1, "a": None}, {"n": 2}, {"n": 3, "a": 0}, {"n": 4, "a": {"b": 1}}]
    documents.append({"n": 5, "a": [4]})

    assert [1, 2, 3, 5, 4] == [document["n"] for document in sorted(documents, key=compile_sort([("a.b", 1)]))]


def test_the_second_field_decides_among_equals() -> None:
    """A sort by several fields goes from the first to the last."""
    documents = [{"a": 1, "b": 1}, {"a": 0, "b": 1}, {"a": 1, "b": 2}]

    for sort in ({"a": -1, "b": -1}, [["a", -1], ["b", -1]], [("a", -1), ("b", -1)]):
        assert [(1, 2), (1, 1), (0, 1)] == [(one["a"], one["b"]) for one in sorted(documents, key=compile_sort(sort))]


DOCUMENT: dict[str, Any] = {"_id": 7, "a": 1, "b": {"c": 2, "d": 3}, "e": [{"f": 1, "g": 2}, 5, [{"f": 3}]], "h": []}


@pytest.mark.parametrize(
    ("projection", "expected"),
    [
        ({}, DOCUMENT),
        ({"a": 1}, {"_id": 7, "a": 1}),
        ({"a": True, "_id": False}, {"a": 1}),
        (["a"], {"_id": 7, "a": 1}),
        ({"b.c": 1}, {"_id": 7, "b": {"c": 2}}),
        ({"b.x": 1, "a.x": 1}, {"_id": 7, "b": {}}),
        ({"e.f": 1, "h.x": 1}, {"_id": 7, "e": [{"f": 1}, [{"f": 3}]], "h": []}),
        ({"e.0": 1}, {"_id": 7, "e": [{}, [{}]]}),
        ({"_id": 1}, {"_id": 7}),
        ({"_id": 0}, {name: value for name, value in DOCUMENT.items() if name != "_id"}),
        ({"e": 0, "h": 0}, {"_id": 7, "a": 1, "b": {"c": 2, "d": 3}}),
        ({"_id": 0, "e": 0, "h": 0, "b.c": 0}, {"a": 1, "b": {"d": 3}}),
        ({"_id": 1, "e": 0, "h": 0, "b": 0}, {"_id": 7, "a": 1}),
        ({"a": 0, "b": 0, "e.f": 0, "h.x": 0}, {"_id": 7, "e": [{"g": 2}, 5, [{}]], "h": []}),
    ],
)
def test_a_projection_keeps_or_leaves_out_fields(projection: Any, expected: dict[str, Any]) -> None:
    """Fields keep their order; inclusion drops values that have none of the fields, exclusion keeps them."""
    assert repr(expected) == repr(compile_projection(projection)(DOCUMENT))


@pytest.mark.parametrize(
    ("projection", "code"),
    [
        ({"a": 1, "b": 0}, "bad_projection"),
        ({"a": {"$slice": 1}}, "bad_projection"),
        ({"a": "yes"}, "bad_projection"),
        ({"a": 2}, "bad_projection"),
        ("a", "bad_projection"),
        ([5], "bad_projection"),
        ({"a": 1, "a.b": 1}, "path_conflict"),
        ({"$a": 1}, "bad_field_name"),
        ({"a.": 1}, "bad_field_name"),
    ],
)
def test_a_projection_outside_the_language_is_refused(projection: Any, code: str) -> None:
    """What is not understood is refused, never ignored."""
    with pytest.raises(ValidationError) as caught:
        compile_projection(projection)

    assert code == caught.value.code


@pytest.mark.parametrize(
    ("sort", "code"),
    [
        ({"a": 2}, "bad_sort"),
        ({"a": True}, "bad_sort"),
        ({"a": "asc"}, "bad_sort"),
        ({"a": {"$meta": "textScore"}}, "bad_sort"),
        (["a", -1], "bad_sort"),
        ([("a",)], "bad_sort"),
        (5, "bad_sort"),
        ({f"f{n}": 1 for n in range(33)}, "bad_sort"),
        ({"$natural": 1}, "bad_field_name"),
        ([(5, 1)], "bad_field_name"),
    ],
)
def test_a_sort_outside_the_language_is_refused(sort: Any, code: str) -> None:
    """What is not understood is refused, never ignored."""
    with pytest.raises(ValidationError) as caught:
        compile_sort(sort)

    assert code == caught.value.code
