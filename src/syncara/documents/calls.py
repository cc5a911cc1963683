"""What a call must be like before anything is done, so that every implementation refuses the same in the same words.

Each of `find`, `insert`, `update`, `delete` and `index` raises ValidationError with everything that is wrong.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import msgspec

from syncara.core.errors import Problem, ValidationError
from syncara.core.limits import MIB, NAME_CHARS_MAX
from syncara.documents.query import Query, compile_query
from syncara.documents.shape import compile_projection, compile_sort
from syncara.documents.update import Document, Update, compile_update
from syncara.documents.values import build_all, check_json, is_index, parse_path

FIND_DOCUMENTS_MAX = 10_000
"""Documents that a find without `limit` may return."""
FIND_CHARS_MAX = 64 * MIB
"""Size as JSON of the documents that one find may return; the embedded ones count before a projection."""
INSERT_DOCUMENTS_MAX = 100_000
"""Documents that one insert may hold."""
DOCUMENT_BYTES_MAX = 1 * MIB
COUNT_MAX = 2**31 - 1

Order = Callable[[Any], Any]
"""A document's sort key."""
Pick = Callable[[Any], Any]
"""From a document to the part that is wanted."""


def find(
    collection: Any, query: Any, sort: Any, limit: Any, skip: Any, projection: Any
) -> tuple[Query, Order | None, Pick]:
    compiled, order, pick, *_ = _all(
        partial(compile_query, query),
        partial(_sort, sort),
        partial(compile_projection, {} if projection is None else projection),
        partial(_check_name, collection),
        partial(_check_count, limit, "limit"),
        partial(_check_count, skip, "skip"),
    )
    return compiled, order, pick


def insert(collection: Any, documents: Any, key: str | None) -> list[Document]:
    """Copies of the documents, each beginning with its `_id`. What they hold is left to `encode`."""
    _check_name(collection)
    if type(documents) is not list or len(documents) > INSERT_DOCUMENTS_MAX:
        refuse("bad_operand", "documents", f"takes a list of at most {INSERT_DOCUMENTS_MAX} documents")
    return build_all(partial(identified, one, at, key) for at, one in enumerate(documents))


def update(collection: Any, query: Any, changes: Any, many: Any, upsert: Any) -> tuple[Query, Update]:
    compiled, change, *_ = _all(
        partial(compile_query, query),
        partial(compile_update, changes),
        partial(_check_name, collection),
        partial(_check_flag, many, "many"),
        partial(_check_flag, upsert, "upsert"),
    )
    return compiled, change


def delete(collection: Any, query: Any, many: Any) -> Query:
    checks = (partial(compile_query, query), partial(_check_name, collection), partial(_check_flag, many, "many"))
    compiled: Query = _all(*checks)[0]
    return compiled


def index(collection: Any, field: Any, unique: Any) -> None:
    _all(partial(_check_name, collection), partial(_check_index, field), partial(_check_flag, unique, "unique"))


def identified(document: Any, position: int, key: str | None) -> Document:
    """A copy that begins with its `_id`, which is made where there is none."""
    where = f"documents[{position}]"
    if type(document) is not dict:
        refuse("bad_document", where, f"a document is an object, not {document!r:.100}")
    if type(document.get("_id")) is list:
        refuse("bad_document", where, "an array cannot be an _id", "use text or a number")
    return {"_id": document["_id"] if "_id" in document else new_id(key, position), **document}


def new_id(key: str | None, position: int) -> str:
    """24 hexadecimal digits: from `key` and the document's place in the write, so that a repeat gives the same."""
    if key is None:
        return secrets.token_hex(12)
    return hashlib.sha256(f"{key}\0{position}".encode()).hexdigest()[:24]


def encode(document: Document, where: str) -> str:
    """The document as JSON. Raises ValidationError for what a document cannot hold."""
    check_json(document, where, stored=True)
    body = msgspec.json.encode(document)
    if len(body) > DOCUMENT_BYTES_MAX:
        message = f"{len(body)} bytes are more than the {DOCUMENT_BYTES_MAX} of one document"
        refuse("document_too_large", where, message, "split it into several documents")
    return body.decode()


def changed(change: Update, document: Document) -> Document:
    """The document after the change. Raises ValidationError that names the document."""
    try:
        return change.apply(document)
    except ValidationError as error:
        where = f"document {document['_id']!r:.100}"
        problems = [msgspec.structs.replace(one, where=f"{one.where}, {where}") for one in error.problems]
        raise ValidationError(problems) from error


def duplicate_id(collection: str, where: str, identity: Any) -> Problem:
    message = f"there is a document with the _id {identity!r:.100} already"
    fix = "leave _id out to get a new one, or update the document that is there"
    return Problem("duplicate_id", f"collection '{collection}', {where}", message, fix)


def refuse(code: str, where: str, message: str, fix: str = "") -> NoReturn:
    raise ValidationError([Problem(code, where, message, fix)])


def refuse_too_many() -> NoReturn:
    message = f"more than {FIND_DOCUMENTS_MAX} documents match"
    refuse("too_many_documents", "limit", message, "narrow the query, or give a limit")


def refuse_too_large() -> NoReturn:
    message = f"the documents found are larger than {FIND_CHARS_MAX} characters"
    refuse("result_too_large", "limit", message, "narrow the query, or give a smaller limit")


def _all(*checks: Callable[[], Any]) -> list[Any]:
    return build_all(checks)


def _sort(sort: Any) -> Order | None:
    return None if sort in (None, "", [], {}) else compile_sort(sort)


def _check_name(collection: Any) -> None:
    """The rules of MongoDB, so that a collection can move there."""
    if not isinstance(collection, str) or not 0 < len(collection) <= NAME_CHARS_MAX:
        refuse("bad_collection", "collection", f"a collection is named by 1 to {NAME_CHARS_MAX} characters")
    if not collection.isprintable() or "$" in collection or collection[0] == "." or collection[-1] == ".":
        message = f"{collection!r:.100} has a '$', an unprintable character, or a dot at its beginning or end"
        refuse("bad_collection", "collection", message, "use letters, digits, '_' and '-'")
    if collection.startswith(("system.", "syncara_")):
        message = "names that begin with 'system.' or 'syncara_' are reserved"
        refuse("bad_collection", "collection", message, "choose another name")


def _check_count(count: Any, where: str) -> None:
    if type(count) is not int or not 0 <= count <= COUNT_MAX:
        refuse("bad_operand", where, f"takes a whole number from 0 to {COUNT_MAX}, not {count!r:.100}")


def _check_flag(flag: Any, where: str) -> None:
    if type(flag) is not bool:
        refuse("bad_operand", where, f"takes true or false, not {flag!r:.100}")


def _check_index(field: Any) -> None:
    if any(map(is_index, parse_path(field, "field"))):
        refuse("bad_field_name", "field", f"{field!r:.100} names an array element by number", "index the whole array")
