"""The same random documents, queries and updates give the same answers as mongomock, an independent implementation.

mongomock is not MongoDB. Where the two are known to differ, the strategies stay out of the way, and sentence
tests (test_query.py, test_update.py, test_shape.py) hold our side to MongoDB's rule:

- It takes true for 1 and false for 0, and objects with their fields in another order for equal: numbers here are
  neither 0 nor 1, and objects have their fields in one order.
- `$gte` and `$lte` with null do not find missing fields there; `$exists: false` and `$not` go wrong where a path
  leads through an array or a number; `$all: []` finds everything, and `$all: [null]` no missing field.
- `{"field": {}}` finds documents without the field; `$in` with an array finds no array that is equal as a whole;
  `$size` takes scalars and objects for arrays.
- Several operators beside `$ne` or `$nin` must hold for one and the same element of an array.
- An array sorts by its first element instead of its smallest or largest.
- `$options` inside `$not`, `$mod`, `$mul` and `$type: "null"` do not exist; `$min` and `$max` compare as Python does,
  and fail across types.
- `$addToSet` with a value twice in `$each` adds it twice; `$unset` leaves array elements as they are; `$pop` fails
  on a missing field; `$rename` has no paths; an upsert takes nothing out of `$and`.
- A projection by path is not applied to arrays inside arrays.
"""

from __future__ import annotations

import copy
from typing import Any

import mongomock
from hypothesis import given, settings
from hypothesis import strategies as st
from mongomock import filtering

from syncara.documents.query import compile_query
from syncara.documents.shape import compile_projection, compile_sort
from syncara.documents.update import compile_update
from tests.documents.strategies import (
    documents,
    equalities,
    numbered,
    plain_changes,
    projections,
    queries,
    sorts,
    updates,
    whole,
)

oracle: Any = filtering.filter_applies


@settings(max_examples=300)
@given(queries, st.lists(documents, max_size=6))
def test_a_query_finds_what_mongomock_finds(query: dict[str, Any], stored: list[dict[str, Any]]) -> None:
    """Of any documents, a query matches the same ones."""
    matches = compile_query(query).matches

    assert [oracle(query, document) for document in stored] == [matches(document) for document in stored]


@given(sorts, numbered)
def test_a_sort_gives_the_order_of_mongomock(sort: list[tuple[str, int]], stored: list[dict[str, Any]]) -> None:
    """Documents come in the same order, equal ones as they were stored."""
    collection = filled(stored)

    assert list(collection.find(sort=sort)) == sorted(stored, key=compile_sort(sort))


@given(projections, numbered)
def test_a_projection_keeps_what_mongomock_keeps(projection: dict[str, int], stored: list[dict[str, Any]]) -> None:
    """Each document is cut to the same fields."""
    pick = compile_projection(projection)

    assert list(filled(stored).find({}, dict(projection))) == [pick(document) for document in stored]


@settings(max_examples=200)
@given(updates, whole)
def test_an_update_makes_what_mongomock_makes(changes: dict[str, Any], document: dict[str, Any]) -> None:
    """A document, updated, is the same."""
    collection = filled([{"_id": 1, **document}])
    collection.update_one({}, copy.deepcopy(changes))

    assert [compile_update(changes).apply({"_id": 1, **document})] == list(collection.find())


@given(equalities, plain_changes)
def test_an_upsert_makes_what_mongomock_makes(query: dict[str, Any], changes: dict[str, Any]) -> None:
    """The document that an upsert inserts is the same but for its made-up _id."""
    collection = filled([])
    collection.update_one(query, changes, upsert=True)

    assert [compile_update(changes).upserted(compile_query(query))] == list(collection.find({}, {"_id": 0}))


def filled(stored: list[dict[str, Any]]) -> Any:
    collection: Any = mongomock.MongoClient().db.collection
    if stored:
        collection.insert_many(copy.deepcopy(stored))
    return collection
