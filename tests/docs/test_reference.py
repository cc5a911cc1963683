"""The reference page is what the docstrings say."""

from __future__ import annotations

from docs.build_reference import PAGE, page


def test_the_reference_is_up_to_date() -> None:
    """After a docstring has changed: `python docs/build_reference.py`."""
    assert page() == PAGE.read_text()


def test_the_reference_names_every_handler_method_and_field() -> None:
    """Nothing public is left out: a method, a handler's param and a step's field stand for their kinds."""
    text = page()

    for expected in ("### `await execute_workflow(", "### `api_call`", "- `retry_backoff = 2.0`", "- `DatabaseBusy`: "):
        assert expected in text
