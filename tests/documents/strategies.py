"""Random documents, queries and updates, inside the part of the language in which mongomock is like MongoDB.

The differences are listed in test_against_mongomock.py.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

numbers = st.sampled_from([-3, -2, 2, 3, 7, -2.5, 2.0, 2.5, 40, 2**40])
strings = st.sampled_from(["", "a", "ab", "b", "B", "2"])
scalars = st.one_of(numbers, strings, st.booleans(), st.none())
arrays = st.lists(scalars, max_size=4)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of the fields, in one order."""
    return st.fixed_dictionaries({}, optional=fields).map(lambda found: dict(sorted(found.items())))


elements = objects(k=scalars, n=numbers)
DOCUMENT_FIELDS = {
    "a": scalars,
    "b": scalars,
    "d": objects(x=scalars, y=arrays, n=numbers),
    "items": st.lists(elements, max_size=3),
    "n": numbers,
    "t": arrays,
}
documents = objects(**DOCUMENT_FIELDS)
PLAIN = ["a", "b", "n", "t", "d.x", "d.y"]
fields = st.sampled_from(PLAIN)
any_field = st.sampled_from([*PLAIN, "items.k", "items.n", "t.0", "t.1"])


def operators(name: str, operand: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return operand.map(lambda value: {name: value})


known = scalars.filter(lambda value: value is not None)
ranges = st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), known, min_size=1, max_size=2)
patterns = st.builds(
    lambda pattern, options: {"$regex": pattern, "$options": options},
    st.sampled_from(["a", "^a", "b$", "^[a-b]+$", "", "."]),
    st.sampled_from(["", "i"]),
)
types = st.sampled_from(["number", "string", "bool", "array", "object", "double", "int", "long"])
positive = st.one_of(
    scalars,
    operators("$eq", scalars),
    ranges,
    operators("$in", st.lists(scalars, max_size=3)),
    operators("$all", st.lists(known, min_size=1, max_size=2)),
    operators("$type", types),
    operators("$elemMatch", st.one_of(ranges, operators("$in", st.lists(known, min_size=1, max_size=3)))),
    patterns,
)
negative = st.one_of(operators("$ne", scalars), operators("$nin", st.lists(scalars, max_size=3)))
conditions = st.one_of(
    st.builds(lambda field, operand: {field: operand}, any_field, positive),
    st.builds(lambda field, operand: {field: operand}, any_field, negative),
    st.builds(lambda field, there: {field: {"$exists": there}}, fields, st.booleans()),
    st.builds(
        lambda field, operand: {field: {"$not": operand}},
        fields,
        positive.filter(lambda operand: isinstance(operand, dict) and "$options" not in operand),
    ),
    st.builds(lambda field, size: {field: {"$size": size}}, st.sampled_from(["t", "d.y", "items"]), st.integers(0, 3)),
    elements.filter(bool).map(lambda match: {"items": {"$elemMatch": match}}),
    st.sampled_from(["items", "t"]).flatmap(lambda name: DOCUMENT_FIELDS[name].map(lambda value: {name: value})),
    DOCUMENT_FIELDS["d"].filter(bool).map(lambda value: {"d": value}),
    elements.filter(bool).map(lambda element: {"items": element}),
)
queries = st.recursive(
    st.lists(conditions, max_size=2).map(lambda parts: {name: part for one in parts for name, part in one.items()}),
    lambda inner: st.builds(
        lambda operator, parts: {operator: parts},
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)


numbered = st.lists(documents, max_size=6).map(lambda found: [{"_id": n, **one} for n, one in enumerate(found)])
sorts = st.lists(
    st.tuples(st.sampled_from(["a", "b", "n", "d", "d.x"]), st.sampled_from([1, -1])), min_size=1, max_size=3
)


paths = st.lists(
    st.sampled_from(["a", "b", "d.x", "d.y", "items.k", "items.n", "t", "n"]), min_size=1, max_size=3, unique=True
)
projections = st.builds(
    lambda names, including, identity: {**dict.fromkeys(names, including), **identity},
    paths,
    st.sampled_from([0, 1]),
    st.sampled_from([{}, {"_id": 0}]),
)


def changing(operator: str, field: str, operand: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return operand.map(lambda value: {operator: {field: value}})


each = st.lists(scalars, max_size=3, unique_by=lambda value: (isinstance(value, bool), value)).map(
    lambda values: {"$each": values}
)
pushes = st.builds(
    lambda modifiers, others: {**modifiers, **others},
    each,
    st.fixed_dictionaries({}, optional={"$position": st.integers(0, 4), "$slice": st.integers(-3, 3)}),
)
removals = st.one_of(scalars, ranges, operators("$in", st.lists(scalars, max_size=3)))
single_changes = st.one_of(
    changing("$set", "a", st.one_of(scalars, arrays, elements)),
    changing("$set", "d.x", scalars),
    changing("$set", "z.y.x", scalars),
    changing("$set", "t.2", scalars),
    changing("$unset", "b", st.just("")),
    changing("$unset", "d.y", st.just(1)),
    changing("$inc", "n", numbers),
    changing("$inc", "d.n", numbers),
    changing("$min", "n", numbers),
    changing("$max", "d.n", numbers),
    changing("$rename", "b", st.just("renamed")),
    changing("$push", "t", st.one_of(scalars, pushes)),
    changing("$push", "d.y", st.one_of(scalars, pushes)),
    changing("$addToSet", "t", st.one_of(scalars, each)),
    changing("$pull", "t", removals),
    changing("$pull", "items", elements.filter(bool)),
    changing("$pullAll", "d.y", st.lists(scalars, max_size=3)),
    changing("$pop", "t", st.sampled_from([1, -1])),
    changing("$setOnInsert", "fresh", scalars),
)


def together(changes: list[dict[str, Any]]) -> dict[str, Any]:
    """The changes in one update, those left out that name a field twice."""
    update: dict[str, Any] = {}
    used: set[str] = set()
    for change in changes:
        ((operator, operand),) = change.items()
        (field,) = operand
        if field.split(".")[0] not in used:
            used.add(field.split(".")[0])
            update.setdefault(operator, {}).update(operand)
    return update


updates = st.lists(single_changes, min_size=1, max_size=3).map(together)
whole = documents.map(lambda document: {"d": {}, "t": [], "n": 2, **document}).map(
    lambda document: {**document, "d": {"y": [], **document["d"]}}
)


equalities = st.dictionaries(st.sampled_from(["a", "q", "w.x", "w.y"]), st.one_of(scalars, operators("$eq", scalars)))


plain_changes = st.one_of(changing("$set", "n", scalars), changing("$setOnInsert", "n", scalars))
