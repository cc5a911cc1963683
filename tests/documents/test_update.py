"""What an update makes of a document, by MongoDB's rules, and which updates are refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from syncara.core.errors import ValidationError
from syncara.documents.query import compile_query
from syncara.documents.update import compile_update

UPDATES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # Plain data means $set; a path reaches into objects and arrays.
    ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    ({"a": {"b": 1}}, {"a.c": 2}, {"a": {"b": 1, "c": 2}}),
    ({}, {"$set": {"a.b.c": 1}}, {"a": {"b": {"c": 1}}}),
    ({"a": [1, 2]}, {"$set": {"a.1": 9}}, {"a": [1, 9]}),
    ({"a": [1]}, {"$set": {"a.3": 9}}, {"a": [1, None, None, 9]}),
    ({"a": [{"b": 1}]}, {"$set": {"a.0.b": 2}}, {"a": [{"b": 2}]}),
    ({}, {"$set": {"a.0": 1}}, {"a": {"0": 1}}),
    ({"a": 1}, {"$set": {}}, {"a": 1}),
    ({"a": {"b": 1}}, {"$unset": {"a.b": ""}}, {"a": {}}),
    ({"a": [1, 2]}, {"$unset": {"a.0": 1}}, {"a": [None, 2]}),
    ({"a": 1}, {"$unset": {"b.c": 1, "a.x": 1}}, {"a": 1}),
    ({"a": [1]}, {"$unset": {"a.x": 1, "a.5": 1}}, {"a": [1]}),
    # Numbers.
    ({"a": 1}, {"$inc": {"a": 2, "b": -1}}, {"a": 3, "b": -1}),
    ({"a": 1}, {"$inc": {"a": 0.5}}, {"a": 1.5}),
    ({"a": 3}, {"$mul": {"a": 2, "b": 5, "c": 1.5}}, {"a": 6, "b": 0, "c": 0.0}),
    ({"a": 3}, {"$min": {"a": 5, "b": 5}}, {"a": 3, "b": 5}),
    ({"a": 3}, {"$max": {"a": 5, "b": 5}}, {"a": 5, "b": 5}),
    ({"a": None}, {"$max": {"a": 5}}, {"a": 5}),
    ({"a": 3}, {"$max": {"a": "x"}}, {"a": "x"}),
    ({"a": 3}, {"$min": {"a": True}}, {"a": 3}),
    # $rename.
    ({"a": 1, "b": 2}, {"$rename": {"a": "b"}}, {"b": 1}),
    ({"a": {"x": 1}}, {"$rename": {"a.x": "c.d"}}, {"a": {}, "c": {"d": 1}}),
    ({"a": 1}, {"$rename": {"x": "y"}}, {"a": 1}),
    # $setOnInsert does nothing to a document that is there.
    ({"a": 1}, {"$setOnInsert": {"a": 2}, "$set": {"b": 1}}, {"a": 1, "b": 1}),
    # $push.
    ({"a": [1]}, {"$push": {"a": 2, "b": 3}}, {"a": [1, 2], "b": [3]}),
    ({"a": [1]}, {"$push": {"a": [2, 3]}}, {"a": [1, [2, 3]]}),
    ({"a": [1]}, {"$push": {"a": {"$each": [2, 3]}}}, {"a": [1, 2, 3]}),
    ({"a": [1, 2]}, {"$push": {"a": {"$each": [9], "$position": 0}}}, {"a": [9, 1, 2]}),
    ({"a": [1, 2]}, {"$push": {"a": {"$each": [9], "$position": -1}}}, {"a": [1, 9, 2]}),
    ({"a": [1, 2]}, {"$push": {"a": {"$each": [9], "$position": 99}}}, {"a": [1, 2, 9]}),
    ({"a": [1, 2]}, {"$push": {"a": {"$each": [3, 4], "$slice": -3}}}, {"a": [2, 3, 4]}),
    ({"a": [1, 2]}, {"$push": {"a": {"$each": [3], "$slice": 2}}}, {"a": [1, 2]}),
    ({"a": [1, 2]}, {"$push": {"a": {"$each": [], "$slice": 0}}}, {"a": []}),
    ({"a": [3, 1]}, {"$push": {"a": {"$each": [2, "x", None], "$sort": 1}}}, {"a": [None, 1, 2, 3, "x"]}),
    ({"a": [3, [9], 1]}, {"$push": {"a": {"$each": [[]], "$sort": -1}}}, {"a": [[9], [], 3, 1]}),
    (
        {"a": [{"x": 1}, {"x": 3}]},
        {"$push": {"a": {"$each": [{"x": 2}], "$sort": {"x": -1}, "$slice": 2}}},
        {"a": [{"x": 3}, {"x": 2}]},
    ),
    # $addToSet knows equal values, across int and float.
    ({"a": [1]}, {"$addToSet": {"a": 1.0}}, {"a": [1]}),
    ({"a": [1]}, {"$addToSet": {"a": True}}, {"a": [1, True]}),
    ({"a": [1]}, {"$addToSet": {"a": {"$each": [2, 1, 2, 3]}}}, {"a": [1, 2, 3]}),
    ({"a": [[1]]}, {"$addToSet": {"a": [1], "b": {"x": 1}}}, {"a": [[1]], "b": [{"x": 1}]}),
    # $pull takes a value, operators, or fields of the elements.
    ({"a": [1, 2, 1]}, {"$pull": {"a": 1}}, {"a": [2]}),
    ({"a": [1, 5, 9]}, {"$pull": {"a": {"$gte": 5}}}, {"a": [1]}),
    ({"a": [1, 2, "x"]}, {"$pull": {"a": {"$in": [1, "x"]}}}, {"a": [2]}),
    ({"a": [{"x": 1, "y": 2}, {"x": 2}, 3]}, {"$pull": {"a": {"x": 1}}}, {"a": [{"x": 2}, 3]}),
    ({"a": [{"x": 1}, {"x": 8}]}, {"$pull": {"a": {"x": {"$gt": 5}}}}, {"a": [{"x": 1}]}),
    ({"a": [{"x": 1}, {"x": 8}]}, {"$pull": {"a": {"$or": [{"x": 1}, {"y": 1}]}}}, {"a": [{"x": 8}]}),
    ({"a": [[1, 2], 1]}, {"$pull": {"a": [1, 2]}}, {"a": [1]}),
    ({"b": 1}, {"$pull": {"a": 1}, "$pop": {"c": 1}, "$pullAll": {"d": [1]}}, {"b": 1}),
    ({"a": [1, 2, 3.0]}, {"$pullAll": {"a": [3, 1]}}, {"a": [2]}),
    ({"a": [1, 2, 3]}, {"$pop": {"a": 1}}, {"a": [1, 2]}),
    ({"a": [1, 2, 3]}, {"$pop": {"a": -1}}, {"a": [2, 3]}),
    ({"a": []}, {"$pop": {"a": 1}}, {"a": []}),
    ({"a": {"b": [1]}}, {"$push": {"a.b": 2}}, {"a": {"b": [1, 2]}}),
]


@pytest.mark.parametrize(("document", "changes", "expected"), UPDATES)
def test_an_update_changes_a_document_by_mongodbs_rules(
    document: dict[str, Any], changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Each row is one rule of MongoDB's update language; neither argument is changed."""
    before = copy.deepcopy((document, changes))

    changed = compile_update(changes).apply(document)

    assert (repr(expected), before) == (repr(changed), (document, changes))


def test_two_documents_never_share_a_value() -> None:
    """What an update puts into one document is a copy, which a later update may change."""
    update = compile_update({"tags": ["x"]})
    first, second = update.apply({}), update.apply({})

    first["tags"].append("y")

    assert ["x"] == second["tags"]


REFUSED: list[tuple[Any, str, str]] = [
    ({}, "bad_operand", "an object with something in it"),
    ([{"$set": {"a": 1}}], "bad_operand", "an object with something in it"),
    ({"$set": {"a": 1}, "b": 2}, "bad_operand", "operators and plain fields are mixed"),
    ({"$sett": {"a": 1}}, "unknown_operator", "Did you mean '$set'?"),
    ({"$bit": {"a": {"or": 1}}}, "unknown_operator", "$bit is not an operator of an update"),
    ({"$currentDate": {"a": True}}, "unknown_operator", "ISO 8601"),
    ({"$set": 5}, "bad_operand", '{"$set": {"field": …}}'),
    ({"$set": {"a.$": 1}}, "bad_field_name", "name an array element by its number"),
    ({"$set": {"a.$[]": 1}}, "bad_field_name", "name an array element by its number"),
    ({"$set": {"a": {"$b": 1}}}, "bad_field_name", "begins with '$'"),
    ({"a": {"b.c": 1}}, "bad_field_name", "holds a dot"),
    ({"a": {"": 1}}, "bad_field_name", "is empty"),
    ({"$set": {"a": 1}, "$inc": {"a": 1}}, "path_conflict", "'a' and 'a' overlap"),
    ({"$set": {"a": 1, "a.b": 2}}, "path_conflict", "'a' and 'a.b' overlap"),
    ({"$rename": {"a": "a"}}, "path_conflict", "overlap"),
    ({"$rename": {"a": 5}}, "bad_field_name", "named by text"),
    ({"$inc": {"a": "1"}}, "not_a_number", "changes.$inc.a: '1' is not a number"),
    ({"$inc": {"a": True}}, "not_a_number", "True is not a number"),
    ({"$mul": {"a": None}}, "not_a_number", "None is not a number"),
    ({"$push": {"a": {"$each": 5}}}, "not_an_array", "5 is not an array"),
    ({"$push": {"a": {"$slice": 5}}}, "bad_operand", "modifiers need $each"),
    ({"$push": {"a": {"$each": [1], "$slices": 5}}}, "unknown_operator", "Did you mean '$slice'?"),
    ({"$push": {"a": {"$each": [1], "$slice": "5"}}}, "bad_operand", "a whole number"),
    ({"$push": {"a": {"$each": [1], "$sort": 2}}}, "bad_sort", "a sort is"),
    ({"$push": {"a": {"$each": [{"$x": 1}]}}}, "bad_field_name", "begins with '$'"),
    ({"$addToSet": {"a": {"$each": [1], "$slice": 1}}}, "unknown_operator", "$slice is not a modifier"),
    ({"$pullAll": {"a": 1}}, "not_an_array", "1 is not an array"),
    ({"$pull": {"a": {"$gtt": 1}}}, "unknown_operator", "Did you mean '$gt'?"),
    ({"$pull": {"a": {"$or": [{"b": 1}] * 1001}}}, "query_too_large", "more than 1000 conditions"),
    ({"$pop": {"a": 2}}, "bad_operand", "1 for the last or -1 for the first"),
    ({"a": float("nan")}, "not_json", "nan is not a JSON number"),
]


@pytest.mark.parametrize(("changes", "code", "text"), REFUSED)
def test_an_update_outside_the_language_is_refused(changes: Any, code: str, text: str) -> None:
    """What is not understood is refused with its place and the way out, never ignored."""
    with pytest.raises(ValidationError) as caught:
        compile_update(changes)

    assert (code, True) == (caught.value.code, text in str(caught.value)), str(caught.value)


UNFIT: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({"a": "x"}, {"$inc": {"a": 1}}, "not_a_number", "'x' is not a number"),
    ({"a": None}, {"$mul": {"a": 1}}, "not_a_number", "None is not a number"),
    ({"a": 2**63 - 1}, {"$inc": {"a": 1}}, "number_too_large", "64 bits"),
    ({"a": 1e308}, {"$mul": {"a": 10}}, "number_too_large", "64 bits"),
    ({"a": 1}, {"$push": {"a": 1}}, "not_an_array", "1 is not an array"),
    ({"a": "x"}, {"$pull": {"a": "x"}}, "not_an_array", "'x' is not an array"),
    ({"a": {}}, {"$pop": {"a": 1}}, "not_an_array", "{} is not an array"),
    ({"a": 5}, {"$set": {"a.b": 1}}, "path_blocked", "'a' is 5, which has no fields"),
    ({"a": None}, {"$inc": {"a.b": 1}}, "path_blocked", "'a' is None"),
    ({"a": [1]}, {"$set": {"a.b": 1}}, "path_blocked", "'b' is looked for in an array"),
    ({"a": [1]}, {"$set": {"a.999999": 1}}, "bad_operand", "beyond the array's end"),
    ({"a": [{"b": 1}]}, {"$rename": {"a.0.b": "c"}}, "path_blocked", "leads through an array"),
    ({"a": [1], "b": 1}, {"$rename": {"b": "a.0"}}, "path_blocked", "leads through an array"),
    ({"_id": 1}, {"$set": {"_id": 2}}, "immutable_id", "cannot change the _id"),
    ({"_id": 1}, {"$unset": {"_id": 1}}, "immutable_id", "cannot change the _id"),
    ({"_id": {"a": 1}}, {"$set": {"_id.a": 2}}, "immutable_id", "cannot change the _id"),
]


@pytest.mark.parametrize(("document", "changes", "code", "text"), UNFIT)
def test_a_document_that_does_not_allow_a_change_is_refused(
    document: dict[str, Any], changes: dict[str, Any], code: str, text: str
) -> None:
    """A change that has no meaning for this document is an error, not a guess."""
    with pytest.raises(ValidationError) as caught:
        compile_update(changes).apply(document)

    assert (code, True) == (caught.value.code, text in str(caught.value)), str(caught.value)


def test_setting_an_id_to_what_it_is_already_is_allowed() -> None:
    """An update that names the same _id changes nothing about it."""
    assert {"_id": 1, "a": 2} == compile_update({"_id": 1, "a": 2}).apply({"_id": 1})


def test_all_problems_of_an_update_are_told_at_once() -> None:
    """One refusal names everything that is wrong, each with its place."""
    with pytest.raises(ValidationError) as caught:
        compile_update({"$set": {"a..b": 1, "c": {"$d": 1}}, "$inc": {"e": "1"}, "$nope": {}})

    places = [problem.where for problem in caught.value.problems]
    assert ["changes.$set.a..b", "changes.$set.c", "changes.$inc.e", "changes.$nope"] == places


def test_an_upsert_starts_from_what_the_query_requires() -> None:
    """Equalities of the query, also inside $and, become fields of the new document; other conditions do not."""
    query = compile_query({"a": 1, "b.c": {"$eq": 2}, "$and": [{"d": 3}], "e": {"$gt": 4}, "$or": [{"f": 5}]})
    update = compile_update({"$inc": {"a": 1, "n": 1}, "$setOnInsert": {"s": 1}})

    assert {"a": 2, "b": {"c": 2}, "d": 3, "n": 1, "s": 1} == update.upserted(query)


def test_an_upsert_never_changes_its_query() -> None:
    """An object taken over from the query is a copy."""
    query = {"a": {"b": 1}}

    assert {"a": {"b": 1, "c": 2}} == compile_update({"$set": {"a.c": 2}}).upserted(compile_query(query))
    assert {"a": {"b": 1}} == query


def test_an_upsert_from_a_contradiction_is_refused() -> None:
    """A query that requires two values of one field says nothing about the document to make."""
    with pytest.raises(ValidationError, match="path_conflict"):
        compile_update({"x": 1}).upserted(compile_query({"$and": [{"a": 1}, {"a": 2}]}))
