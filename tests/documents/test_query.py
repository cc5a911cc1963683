"""What a query matches, by MongoDB's rules, and which queries are refused."""

from __future__ import annotations

from typing import Any

import pytest

from syncara.core.errors import ValidationError
from syncara.documents.query import compile_query

MATCHES: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    # Numbers are equal across int and float; a bool is no number.
    ({"a": 1}, {"a": 1.0}, True),
    ({"a": 1}, {"a": True}, False),
    ({"a": 0}, {"a": False}, False),
    ({"a": 2**53}, {"a": 2**53 + 1}, False),
    # null matches a missing field; $exists tells them apart.
    ({"a": None}, {}, True),
    ({"a": None}, {"a": None}, True),
    ({"a": None}, {"a": 0}, False),
    ({"a": {"$ne": None}}, {}, False),
    ({"a": {"$exists": True}}, {"a": None}, True),
    ({"a": {"$exists": False}}, {"a": None}, False),
    ({"a": {"$exists": False}}, {}, True),
    ({"a": {"$gte": None}}, {}, True),
    ({"a": {"$gt": None}}, {"a": 1}, False),
    # Comparisons stay within a type.
    ({"a": {"$gt": 1}}, {"a": "2"}, False),
    ({"a": {"$lt": "b"}}, {"a": 1}, False),
    ({"a": {"$gt": False}}, {"a": True}, True),
    ({"a": {"$gte": 1}}, {"a": True}, False),
    ({"a": {"$gt": {"x": 1}}}, {"a": {"x": 2}}, True),
    ({"a": {"$gt": {"x": 1}}}, {"a": {"x": "0"}}, True),
    ({"a": {"$lt": [1, 2]}}, {"a": [1, 1, 9]}, True),
    ({"a": {"$gt": 1}}, {}, False),
    # An array matches by itself and by each element.
    ({"a": 2}, {"a": [1, 2]}, True),
    ({"a": [1, 2]}, {"a": [1, 2]}, True),
    ({"a": [1, 2]}, {"a": [2, 1]}, False),
    ({"a": [1, 2]}, {"a": [[1, 2], 3]}, True),
    ({"a": {"$ne": 2}}, {"a": [1, 2]}, False),
    ({"a": {"$gt": 2, "$lt": 2}}, {"a": [1, 3]}, True),
    ({"a": {"$in": [[1, 2]]}}, {"a": [1, 2]}, True),
    ({"a": {"$in": [None]}}, {}, True),
    ({"a": {"$nin": [1, 2]}}, {"a": [3, 2]}, False),
    ({"a": {"$nin": []}}, {}, True),
    ({"a": {"$in": []}}, {}, False),
    # Paths enter arrays, and a number names an element.
    ({"a.b": 2}, {"a": [{"b": 1}, {"b": 2}]}, True),
    ({"a.b": None}, {"a": [{"b": 1}, {}]}, True),
    ({"a.b": None}, {"a": 4}, True),
    ({"a.b": None}, {"a": [4]}, False),
    ({"a.b": {"$exists": False}}, {"a": [4]}, True),
    ({"a.b.c": 1}, {"a": [{"b": [{"c": 1}]}]}, True),
    ({"a.1": 7}, {"a": [5, 7]}, True),
    ({"a.2": None}, {"a": [5, 7]}, False),
    ({"a.1": 7}, {"a": {"1": 7}}, True),
    ({"a.1": 4}, {"a": [5, {"1": 4}]}, True),
    ({"a.01": 7}, {"a": [5, 7]}, False),
    ({"a.1.b": 4}, {"a": [5, {"b": 4}]}, True),
    ({"a.1.b": 4}, {"a": [5, [{"b": 4}]]}, True),
    ({"a.0": 1}, {"a": [[1, 2]]}, False),
    ({"a.0": [1, 2]}, {"a": [[1, 2]]}, True),
    # An object is compared as a whole, and the order of its fields counts.
    ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1.0, "y": 2}}, True),
    ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, False),
    ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, False),
    ({"a": {}}, {"a": {}}, True),
    ({"a": {}}, {"a": {"x": 1}}, False),
    # Logic.
    ({}, {"a": 1}, True),
    ({"a": 1, "b": 2}, {"a": 1}, False),
    ({"$and": [{"a": {"$gt": 1}}, {"a": {"$lt": 3}}]}, {"a": 2}, True),
    ({"$or": [{"a": 1}, {"b": 1}]}, {"b": 1}, True),
    ({"$nor": [{"a": 1}, {"b": 1}]}, {"b": 1}, False),
    ({"a": {"$not": {"$gt": 5}}}, {}, True),
    ({"a": {"$not": {"$gt": 5}}}, {"a": [3, 9]}, False),
    ({"a": {"$not": {"$exists": True}}}, {"b": 1}, True),
    ({"a": {"$not": {"$regex": "^x"}}}, {"a": "xy"}, False),
    # Types, by name and number.
    ({"a": {"$type": "number"}}, {"a": 1.5}, True),
    ({"a": {"$type": "number"}}, {"a": True}, False),
    ({"a": {"$type": "int"}}, {"a": 2**31}, False),
    ({"a": {"$type": 18}}, {"a": 2**31}, True),
    ({"a": {"$type": "long"}}, {"a": 2**31 - 1}, False),
    ({"a": {"$type": "null"}}, {}, False),
    ({"a": {"$type": 10}}, {"a": None}, True),
    ({"a": {"$type": ["string", "bool"]}}, {"a": True}, True),
    ({"a": {"$type": "array"}}, {"a": []}, True),
    ({"a": {"$type": "string"}}, {"a": [1, "x"]}, True),
    ({"a": {"$type": "object"}}, {"a": {}}, True),
    ({"a": {"$type": "double"}}, {"a": 1}, False),
    # Arrays.
    ({"a": {"$size": 2}}, {"a": [1, 2]}, True),
    ({"a": {"$size": 2}}, {"a": [[1, 2]]}, False),
    ({"a": {"$size": 1}}, {"a": "x"}, False),
    ({"a": {"$all": [1, 2]}}, {"a": [2, 3, 1]}, True),
    ({"a": {"$all": [1, 2]}}, {"a": [1]}, False),
    ({"a": {"$all": [1]}}, {"a": 1}, True),
    ({"a": {"$all": []}}, {"a": [1]}, False),
    ({"a": {"$all": [None]}}, {}, True),
    ({"a.b": {"$all": [1, 2]}}, {"a": [{"b": 1}, {"b": 2}]}, True),
    ({"a": {"$all": [{"$elemMatch": {"x": 1}}, {"$elemMatch": {"x": 2}}]}}, {"a": [{"x": 1}, {"x": 2}]}, True),
    ({"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, {"a": [1, 3]}, False),
    ({"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, {"a": [2]}, True),
    ({"a": {"$elemMatch": {"$gt": 1}}}, {"a": 2}, False),
    ({"a": {"$elemMatch": {"$gt": 1}}}, {"a": [[2]]}, False),
    ({"a": {"$elemMatch": {"$size": 1}}}, {"a": [[2]]}, True),
    ({"a": {"$elemMatch": {"$not": {"$gt": 1}}}}, {"a": [1, 2]}, True),
    ({"a": {"$elemMatch": {"x": 1, "y": 2}}}, {"a": [{"x": 1, "y": 3}, {"x": 2, "y": 2}]}, False),
    ({"a": {"$elemMatch": {"x": 1, "y": 2}}}, {"a": [{"x": 1, "y": 2}]}, True),
    ({"a": {"$elemMatch": {"$or": [{"x": 1}, {"y": 2}]}}}, {"a": [{"y": 2}]}, True),
    ({"a.b": {"$elemMatch": {"$gt": 1}}}, {"a": [{"b": [2]}]}, True),
    # Patterns match text only, also in arrays.
    ({"a": {"$regex": "b.d"}}, {"a": "abcde"}, True),
    ({"a": {"$regex": "^B", "$options": "i"}}, {"a": "bcd"}, True),
    ({"a": {"$options": "i", "$regex": "^B"}}, {"a": ["x", "bcd"]}, True),
    ({"a": {"$regex": "1"}}, {"a": 1}, False),
    ({"a": {"$regex": ""}}, {}, False),
    # Remainders take the sign of the value, and cut fractions off.
    ({"a": {"$mod": [4, 0]}}, {"a": 8}, True),
    ({"a": {"$mod": [4, 1]}}, {"a": 8}, False),
    ({"a": {"$mod": [4, -3]}}, {"a": -7}, True),
    ({"a": {"$mod": [4, 1]}}, {"a": 5.9}, True),
    ({"a": {"$mod": [4.9, 1.2]}}, {"a": 5}, True),
    ({"a": {"$mod": [4, 0]}}, {"a": 1e300}, False),
    ({"a": {"$mod": [4, 0]}}, {"a": False}, False),
]


@pytest.mark.parametrize(("query", "document", "expected"), MATCHES)
def test_a_query_matches_by_mongodbs_rules(query: dict[str, Any], document: dict[str, Any], expected: bool) -> None:
    """Each row is one rule of MongoDB's query language."""
    assert expected == compile_query(query).matches(document)


NESTED: dict[str, Any] = {"a": 1}
for _ in range(120):
    NESTED = {"$and": [NESTED]}

REFUSED: list[tuple[Any, str, str]] = [
    ([], "bad_operand", "a query is an object, not []"),
    ({"$adn": [{"a": 1}]}, "unknown_operator", "Did you mean '$and'?"),
    ({"$where": "1"}, "unknown_operator", "$where is not an operator that stands beside the fields"),
    ({"$gt": 5}, "unknown_operator", '{"field": {"$gt": …}}'),
    ({"a": {"$gte ": 5}}, "unknown_operator", "Did you mean '$gte'?"),
    ({"a": {"$or": [1]}}, "unknown_operator", "$or is not an operator that stands inside a field"),
    ({"a": {"$near": [1, 2]}}, "unknown_operator", "$near is not an operator"),
    ({"a": {"$gt": 1, "b": 2}}, "bad_operand", "operators and plain fields are mixed"),
    ({"a": {"b": {"$gt": 1}}}, "bad_operand", "$gt stands inside a value"),
    ({"a": {"$in": [{"$regex": "x"}]}}, "bad_operand", "$regex stands inside a value"),
    ({"a": {"$eq": [{"b": {"$gt": 1}}]}}, "bad_operand", "$gt stands inside a value"),
    ({"$and": []}, "bad_operand", "$and takes a list of at least one query"),
    ({"$or": {"a": 1}}, "bad_operand", "$or takes a list"),
    ({"$or": [5]}, "bad_operand", "query.$or[0]: a query is an object, not 5"),
    ({"a": {"$in": 5}}, "bad_operand", "takes a list, not 5"),
    ({"a": {"$nin": {"b": 1}}}, "bad_operand", "takes a list"),
    ({"a": {"$all": 1}}, "bad_operand", "takes a list"),
    ({"a": {"$all": [1, {"$elemMatch": {}}]}}, "bad_operand", "holds values, or nothing but"),
    ({"a": {"$exists": "false"}}, "bad_operand", "takes true or false, not 'false'"),
    ({"a": {"$size": -1}}, "bad_operand", "a whole number from 0"),
    ({"a": {"$size": True}}, "bad_operand", "a whole number from 0"),
    ({"a": {"$type": "date"}}, "bad_operand", "'date' is not a type of a JSON value"),
    ({"a": {"$type": "strng"}}, "bad_operand", "Did you mean 'string'?"),
    ({"a": {"$type": [{}]}}, "bad_operand", "is not a type"),
    ({"a": {"$mod": [0, 1]}}, "bad_operand", "a divisor other than 0"),
    ({"a": {"$mod": [4]}}, "bad_operand", "a divisor other than 0 and a remainder"),
    ({"a": {"$mod": [4, "x"]}}, "bad_operand", "a divisor other than 0 and a remainder"),
    ({"a": {"$mod": 4}}, "bad_operand", "a divisor other than 0 and a remainder"),
    ({"a": {"$not": 5}}, "bad_operand", "use $ne for a value"),
    ({"a": {"$not": {}}}, "bad_operand", "takes operators"),
    ({"a": {"$elemMatch": 5}}, "bad_operand", "takes an object, not 5"),
    ({"a": {"$elemMatch": {"$gtt": 5}}}, "unknown_operator", "Did you mean '$gt'?"),
    ({"a": {"$regex": 5}}, "bad_operand", "takes a pattern as text"),
    ({"a": {"$regex": "("}}, "bad_regex", "a group is not closed"),
    ({"a": {"$regex": "a", "$options": "ix"}}, "bad_operand", "letters of 'ims'"),
    ({"a": {"$options": "i"}}, "bad_operand", "there is none beside it"),
    ({"": 1}, "bad_field_name", "a field is named by text"),
    ({"a..b": 1}, "bad_field_name", "empty part"),
    ({"a.$b": 1}, "bad_field_name", "begins with '$'"),
    ({"a\0": 1}, "bad_field_name", "no name may hold"),
    ({"a\ud800": 1}, "bad_field_name", "no name may hold"),
    ({5: 1}, "bad_field_name", "named by text, not by 5"),
    ({".".join("a" * 101): 1}, "bad_field_name", "more than 100 parts"),
    ({"a" + ".0" * 9: 1}, "bad_field_name", "8 numbers"),
    ({"a" * 1001: 1}, "bad_field_name", "longer than 1000"),
    ({"a": float("nan")}, "not_json", "nan is not a JSON number"),
    ({"a": {"$gt": float("inf")}}, "not_json", "query.a.$gt: inf is not"),
    ({"a": 2**63}, "not_json", "64 bits"),
    ({"a": {1, 2}}, "not_json", "a set is not a JSON value"),
    ({"a": "\ud800"}, "not_json", "surrogate"),
    (NESTED, "too_deep", "deeper than 100"),
    ({"$or": [{"a": 1}] * 1001}, "query_too_large", "more than 1000 conditions"),
    ({"$or": [{"a": {"$regex": "x"}}] * 21}, "query_too_large", "more than 20 patterns"),
]


@pytest.mark.parametrize(("query", "code", "text"), REFUSED)
def test_a_query_outside_the_language_is_refused(query: Any, code: str, text: str) -> None:
    """What is not understood is refused with its place and the way out, never ignored."""
    with pytest.raises(ValidationError) as caught:
        compile_query(query)

    assert (code, True) == (caught.value.code, text in str(caught.value)), str(caught.value)


def test_all_problems_of_a_query_are_told_at_once() -> None:
    """One refusal names everything that is wrong, each with its place."""
    with pytest.raises(ValidationError) as caught:
        compile_query({"a": {"$gtt": 1}, "$or": [{"b": {"$size": "x"}}, {"c": {"$in": 1}}], "d": {"$regex": "["}})

    places = [problem.where for problem in caught.value.problems]
    assert ["query.a.$gtt", "query.$or[0].b.$size", "query.$or[1].c.$in"] == places[:3]
    assert places[3].startswith("query.d.$regex, pattern")


def test_a_pattern_over_the_work_limit_is_an_error_of_the_search() -> None:
    """A search that gives up says so; it does not report a document as not matching."""
    matches = compile_query({"a": {"$regex": "(a|b)*a" + "(a|b)" * 150 + "c"}}).matches

    with pytest.raises(ValidationError, match="regex_too_expensive"):
        matches(
            {"a": [format(number * 7919, "020b").replace("0", "a").replace("1", "b") * 8 for number in range(5_000)]}
        )
