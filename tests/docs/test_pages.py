"""Fences are found where they are."""

from __future__ import annotations

from tests.docs.pages import fences

PAGE = """\
# A
```
plain
```
## `b`
text in `c.py`:

```python
# no heading
x = 1
```
in `d.db`:
```text
2
```
"""


def test_a_fence_has_its_language_its_heading_and_its_line() -> None:
    """What looks like a heading inside a fence is none; the line above may say which file it is."""
    assert [
        ("", "A", 3, "plain", None),
        ("python", "b", 9, "# no heading\nx = 1", "c.py"),
        ("text", "b", 14, "2", None),
    ] == [tuple(fence) for fence in fences(PAGE)]


def test_a_fence_can_be_put_back_to_its_line() -> None:
    """So that a traceback names the line of the page."""
    python = next(fence for fence in fences(PAGE) if fence.language == "python")

    assert "x = 1" == python.at_its_line.splitlines()[9]
    assert "x = 1" == PAGE.splitlines()[9]
