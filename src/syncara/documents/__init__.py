"""Collections of JSON documents: in the engine's own file, or on a MongoDB server."""

from __future__ import annotations

from syncara.abc import Documents
from syncara.core.errors import Problem, ValidationError


def open_documents(url: str) -> Documents:
    """The documents of a `mongodb://` or `mongodb+srv://` URL; see mongodb.py. Connects at the first call.

    Raises ValidationError for another URL, and when pymongo is not installed.
    """
    if not url.startswith(("mongodb://", "mongodb+srv://")):
        example = "mongodb://localhost:27017/bot"
        raise ValidationError([Problem("bad_url", "documents", "this is no URL of MongoDB", "begin it so", example)])
    try:
        from syncara.documents.mongodb import MongoDocuments  # noqa: PLC0415 - needs an extra
    except ImportError as error:
        message, fix = "documents on MongoDB need the package pymongo", "pip install 'syncara[mongo]'"
        raise ValidationError([Problem("missing_extra", "documents", message, fix)]) from error
    return MongoDocuments(url)
