"""The limit of everything, with its unit in its name. Each refusal names the limit and the number."""

from __future__ import annotations

KIB = 1024
MIB = 1024 * KIB

NAME_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 10_000
STEPS_MAX = 200_000
DEPENDENCIES_MAX = 100_000
GROUP_TASKS_MAX = 10_000
GROUP_DEPTH_MAX = 5
PARAMS_BYTES_MAX = 1 * MIB
METADATA_BYTES_MAX = 256 * KIB
CONTEXT_BYTES_MAX = 10 * MIB
RESULT_BYTES_MAX = 10 * MIB
BLOB_BYTES_MIN = 256 * KIB
"""What one transaction adds to an execution is stored apart, compressed, when it is larger than this."""
JSON_DEPTH_MAX = 100
ERROR_CHARS_MAX = 4_000
ERRORS_KEPT_MAX = 1_000
PARALLEL_STEPS_MAX = 1_000
RETRY_COUNT_MAX = 1_000
BACKOFF_MAX = 100
SECONDS_MAX = 10 * 365 * 86_400
"""Ten years: the longest delay, timeout or retry wait."""
CRASHES_MAX = 3
"""A step that was running at this many unclean deaths of the process is failed as poison."""
RULES = 1
"""The newest rule set of the machine; an execution keeps the one it started with (`Started.rules`)."""
RUN_STOP = 2
"""A run is cancelled when its journal has so many times the bytes that it may have."""
