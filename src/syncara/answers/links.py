"""What chat services make links of by themselves, wherever it stands: mentions, commands, tags and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

# Rather too much than too little: which endings of hosts there are changes, and services differ.
_LINK = re.compile(
    r"@\w|(?<![\w/<>])/\w|#\d*[^\W\d]|\$[A-Za-z]"  # @name and name@host, /command, #tag, $TAG
    r"|(?i:www)\.|\.[^\W\d_][^\x00-@\[-`{-~]|\d\.\d+\.\d+\.\d"  # host.tld, 127.0.0.1
    r"|://"
)


def links(words: str) -> bool:
    """Whether a chat service may make a link of some of these words."""
    return _LINK.search(words) is not None


def stretches(words: str) -> Iterator[tuple[str, bool]]:
    """The words in groups to be joined by spaces, each with whether its words may become links: no link has a space."""
    for linked, group in groupby(words.split(" "), links):
        yield " ".join(group), linked
