"""Checks that stand beside the test files show what they compared, as those in a test file do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.acceptance.guide", "tests.acceptance.guide_handlers")
