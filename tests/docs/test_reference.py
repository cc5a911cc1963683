"""The reference page is what the docstrings say."""

from __future__ import annotations

import inspect
import re

from docs.build_reference import APPROVAL_CODES, PAGE, page
from syncara.core.errors import ApprovalError
from syncara.policy import approvals


def test_the_reference_is_up_to_date() -> None:
    """After a docstring has changed: `python docs/build_reference.py`."""
    assert page() == PAGE.read_text()


def test_the_reference_names_every_handler_method_and_field() -> None:
    """Nothing public is left out: one of each kind stands for its kind."""
    text = page()

    for expected in (
        "### `await execute_workflow(",
        "### `api_call`",
        "- `retry_backoff = 2.0`",
        "- `DatabaseBusy`: ",
        "- `approval_ids = ()`",
        "### `Approval`",
        "- `plan_hash`: Of the definition",
        "- `open_executions = 100`: ",
        "### `PlanJudged`: kind `plan`",
        "- `head`: ",
        "`await ask(",
    ):
        assert expected in text


def test_the_codes_of_approval_errors_are_those_that_are_raised() -> None:
    """The reference says what each means, and the error's own docstring names them all."""
    raised = set(re.findall(r'ApprovalError\(\s*"(\w+)"', inspect.getsource(approvals)))

    assert raised == APPROVAL_CODES.keys()
    assert all(code in (ApprovalError.__doc__ or "") for code in raised)
