"""What a reader of HTML or Markdown sees of a text: its lines of words, and what formats them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_STRUCTURE = frozenset({"paragraph", "bullet_list", "list_item", "inline"})


def html_words(text: str, *, code: bool = True) -> tuple[list[str], set[str]]:
    """The lines, and the tags. Without `code`, a star stands for each stretch of it."""

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__(convert_charrefs=True)
            self.words = ""
            self.tags: set[str] = set()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
            self.tags.add(tag if not attrs else f"{tag} with attributes")
            self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if self.open[-1:] != [tag]:
                self.tags.add(f"{tag} out of place")
            del self.open[-1:]

        def handle_data(self, data: str) -> None:
            self.words += "*" if self.open[-1:] == ["code"] and not code else data

        def handle_comment(self, data: str) -> None:
            self.tags.add("comment")

        def handle_decl(self, decl: str) -> None:
            self.tags.add("declaration")

        def handle_pi(self, data: str) -> None:
            self.tags.add("processing instruction")

        def unknown_decl(self, data: str) -> None:
            self.tags.add("declaration")

    reader = Reader()
    reader.feed(text)
    reader.close()
    return lines(reader.words), reader.tags | {f"{tag} left open" for tag in reader.open}


def markdown_words(text: str, *, code: bool = True) -> tuple[list[str], set[str]]:
    """The lines, and the kinds of what is not plain words in paragraphs and lists. `code` is as in `html_words`."""
    blocks = _MARKDOWN.parse(text)
    kinds = {_kind(token) for token in blocks} - _STRUCTURE
    words = []
    for token in blocks:
        if token.type == "inline":
            inner = list(_inner(token.children or []))
            words.append("".join("*" if kind == "code_inline" and not code else said for said, kind in inner))
            kinds |= {kind for _, kind in inner} - {"text", "softbreak", "hardbreak", "text_special"}
        elif token.type in ("fence", "code_block", "html_block"):
            words.append(token.content)
    return lines("\n".join(words)), kinds


def _inner(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    for token in tokens:
        yield "\n" if token.type.endswith("break") else token.content, _kind(token)
        yield from _inner(token.children or [])


def _kind(token: Token) -> str:
    return token.type.removesuffix("_open").removesuffix("_close")


def lines(text: str) -> list[str]:
    """The lines that hold something, without their indent."""
    return [line.strip() for line in text.split("\n") if line.strip()]
