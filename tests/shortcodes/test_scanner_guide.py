"""The guide's own shortcodes, read as they stand there, give the fields that the guide means."""

from __future__ import annotations

from typing import Any

import pytest

from syncara.shortcodes import scan
from tests.acceptance.guide import GUIDE
from tests.shortcodes.samples import guide_replies

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not here")

MEANT: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "Create Workflow": [
        (
            "CREATE_WORKFLOW",
            {"name": "My Workflow", "description": "Description", "timeout": 1800, "max_parallel": 5},
        )
    ],
    "Add Step": [
        (
            "ADD_STEP",
            {
                "workflow_id": "workflow_id",
                "name": "Step Name",
                "handler": "handler",
                "params": {"param": "value"},
                "dependencies": ["dependency1", "dependency2"],
                "timeout": 300,
            },
        )
    ],
    "Execute Workflow": [
        ("EXECUTE", {"workflow_id": "workflow_id", "context": {"context_key": "context_value"}}),
    ],
    "Check Status": [("STATUS", {"execution_id": "execution_id"})],
    "Get Progress": [("PROGRESS", {"execution_id": "execution_id"})],
    "List Workflows": [("LIST_WORKFLOWS", {})],
    "List Executions": [("LIST_EXECUTIONS", {"status": "running"})],
    "Cancel Execution": [("CANCEL", {"execution_id": "execution_id"})],
    "Pause/Resume": [("PAUSE", {"execution_id": "execution_id"}), ("RESUME", {"execution_id": "execution_id"})],
    "Quick Workflow": [
        (
            "QUICK_WORKFLOW",
            {
                "name": "Quick Test",
                "steps": [{"name": "Log", "handler": "log", "params": {"message": "Quick test"}}],
            },
        )
    ],
    "Batch Process": [
        (
            "BATCH_PROCESS",
            {"handler": "log", "items": [{"message": "Item 1"}, {"message": "Item 2"}], "batch_size": 3},
        )
    ],
    "Scheduled Workflow": [
        (
            "SCHEDULED_WORKFLOW",
            {"workflow_id": "workflow_id", "delay_seconds": 300, "context": {"delay": "5 minutes"}},
        )
    ],
    "Template Workflow": [
        ("TEMPLATE_WORKFLOW", {"template": "message_sequence", "params": {"welcome_text": "Welcome!", "delay": 3}})
    ],
    "Example: AI Response dengan Multi-Step": [
        (
            "CREATE_WORKFLOW",
            {
                "name": "User Data Processing",
                "description": "Process user data and send notifications",
                "timeout": 1800,
                "max_parallel": 3,
            },
        ),
        (
            "ADD_STEP",
            {
                "workflow_id": "workflow_id",
                "name": "Load Users",
                "handler": "database_operation",
                "params": {"operation": "find", "collection": "users", "query": {"active": True}},
                "timeout": 300,
            },
        ),
        (
            "ADD_STEP",
            {
                "workflow_id": "workflow_id",
                "name": "Process Data",
                "handler": "log",
                "params": {"message": "Processing user data...", "level": "info"},
                "dependencies": ["step1_id"],
                "timeout": 300,
            },
        ),
        (
            "ADD_STEP",
            {
                "workflow_id": "workflow_id",
                "name": "Send Notifications",
                "handler": "send_message",
                "params": {"text": "Data processing completed!"},
                "dependencies": ["step2_id"],
                "timeout": 300,
            },
        ),
        ("EXECUTE", {"workflow_id": "workflow_id", "context": {"started_by": "AERIS", "timestamp": "2024-01-01"}}),
        ("STATUS", {"execution_id": "execution_id"}),
    ],
}


def test_each_block_gives_the_fields_that_the_guide_means() -> None:
    """Every block of shortcodes in the guide is read as its heading says, without a repair."""
    read = {
        fence.heading: [(call.shortcode.removeprefix("MULTISTEP:"), call.args) for call in scan(fence.text)]
        for fence in guide_replies()
    }

    assert read == MEANT


def test_nothing_in_them_is_wrong_or_repaired() -> None:
    """The guide's own forms are the grammar."""
    calls = [call for fence in guide_replies() for call in scan(fence.text)]

    assert [(None, ())] * len(calls) == [(call.error, call.repairs) for call in calls]


def test_the_codes_of_the_reply_act_and_the_status_in_its_last_sentence_is_shown_there() -> None:
    """A code on a line of its own is alone; one within a sentence is not."""
    reply = next(fence for fence in guide_replies() if fence.heading.startswith("Example"))

    assert [True, True, True, True, True, False] == [call.alone for call in scan(reply.text)]


def test_the_guide_as_a_page_calls_nothing() -> None:
    """All its shortcodes stand in fences: they are shown."""
    assert [] == scan(GUIDE.read_text("utf-8"))


@pytest.mark.parametrize("fence", guide_replies(), ids=lambda fence: fence.heading)
def test_a_reply_that_is_cut_off_inside_a_code_has_a_problem_whatever_the_place(fence: Any) -> None:
    """Each prefix that ends inside a code has an error; each that ends between codes has none."""
    spans = [call.span for call in scan(fence.text)]
    for cut in range(len(fence.text) + 1):
        inside = any(start < cut < end for start, end in spans)
        codes = [call.error.code for call in scan(fence.text[:cut]) if call.error]

        assert (["cut_off"] if inside else []) == codes, fence.text[:cut]
