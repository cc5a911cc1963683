"""What is measured, with which sizes, and what is to be reached."""

from __future__ import annotations

from typing import Any, NamedTuple


class Row(NamedTuple):
    """One line of the table."""

    name: str
    metric: str
    """The name under which the workload reports it."""
    unit: str
    at_most: float | str | None = None
    """The reach: a number, or the name of a metric that was measured alongside. None: shown, not judged."""
    at_least: float | None = None


class Workload(NamedTuple):
    """A function of a module in this folder, called in a process of its own."""

    name: str
    module: str
    function: str
    sizes: dict[str, Any]
    quick: dict[str, Any]
    """Sizes that show that it works, too small to measure anything."""
    rows: tuple[Row, ...]
    once: bool = False
    """Whether it gives the same answer each time."""


WORKLOADS = (
    Workload(
        "machine",
        "machine",
        "measure",
        {"rows": 500},
        {"rows": 20},
        (
            Row("plain SQLite, one row per transaction", "commits_per_s", "commits/s"),
            Row("the same, median of one", "commit_ms", "ms"),
            Row("fdatasync of one page", "fsyncs_per_s", "/s"),
        ),
    ),
    Workload(
        "chain",
        "chain",
        "measure",
        {"steps": 200, "chains": 3},
        {"steps": 5, "chains": 1},
        (
            Row("chain of 200 steps", "steps_per_s", "steps/s"),
            Row("of the single-row commit rate", "share", "%", at_least=55),
            Row("commits of such a chain", "commits", "", at_most=202),
        ),
    ),
    Workload(
        "fsyncs",
        "chain",
        "trace",
        {"steps": 200},
        {"steps": 5},
        (Row("fsyncs of such a chain, traced", "fsyncs", "", at_most=204),),
        once=True,
    ),
    Workload(
        "fanout",
        "fanout",
        "measure",
        {"steps": 500, "parallel": 50, "runs": 5},
        {"steps": 10, "parallel": 5, "runs": 1},
        (Row("500-wide fan-out and join, 50 at a time", "steps_per_s", "steps/s", at_least=15_000),),
    ),
    Workload(
        "concurrent",
        "executions",
        "concurrent",
        {"executions": 500, "steps": 3, "runs": 5},
        {"executions": 5, "steps": 3, "runs": 1},
        (Row("500 concurrent executions of 3 steps", "executions_per_s", "executions/s", at_least=4_000),),
    ),
    Workload(
        "latency",
        "executions",
        "latency",
        {"executions": 300},
        {"executions": 5},
        (
            Row("one step, start to result, p50", "p50_ms", "ms", at_most="p50_reach_ms"),
            Row("one step, start to result, p99", "p99_ms", "ms", at_most="p99_reach_ms"),
        ),
    ),
    Workload(
        "parked",
        "parked",
        "measure",
        {"few": 2_000, "many": 20_000},
        {"few": 10, "many": 20},
        (
            Row("memory of an execution in a 1 h delay", "bytes_each", "B", at_most=400),
            Row("starts of such executions in bulk", "starts_per_s", "starts/s", at_least=15_000),
        ),
    ),
    Workload(
        "dag",
        "dag",
        "measure",
        {"small": 10_000, "large": 100_000},
        {"small": 10, "large": 20},
        (
            Row("random graph of 10,000 steps, each", "small_us", "us"),
            Row("random graph of 100,000 steps, each", "large_us", "us"),
            Row("the second over the first", "ratio", "x", at_most=1.3),
            Row("memory per step, at its highest", "bytes_per_step", "B", at_most=2_048),
        ),
    ),
    Workload(
        "crash",
        "crash",
        "measure",
        {"executions": 500},
        {"executions": 5},
        (
            Row("kill -9: executions and steps lost", "lost", "", at_most=0),
            Row("kill -9: committed steps run again", "committed_again", "", at_most=0),
            Row("kill -9: finished bodies run again", "ended_again", "%", at_most=5),
            Row("all done after the engine's start", "engine_s", "s"),
            Row("all done after the process's start", "process_s", "s", at_most=1),
        ),
    ),
    Workload(
        "scan",
        "scan",
        "measure",
        {"chars": 65_536, "rounds": 3},
        {"chars": 1_000, "rounds": 1},
        (
            Row("64 KiB, worst text", "worst_ms", "ms", at_most=50),
            Row("growth to twice", "double", "x", at_most=1.3),
            Row("growth to four times", "fourfold", "x", at_most=1.3),
            Row("8-code reply, scanned", "reply_ms", "ms"),
        ),
    ),
    Workload(
        "parts",
        "parts",
        "measure",
        {"chars": 65_536, "rounds": 3},
        {"chars": 1_000, "rounds": 1},
        (
            Row("64 KiB in parts, worst text", "worst_ms", "ms", at_most=100),
            Row("its growth to twice", "double", "x", at_most=1.3),
            Row("its growth to four times", "fourfold", "x", at_most=1.3),
        ),
    ),
    Workload(
        "reply",
        "replies",
        "typical",
        {"chats": 10, "replies": 20},
        {"chats": 1, "replies": 2},
        (
            Row("8-code reply, up to its transaction", "paper_ms", "ms", at_most=3),
            Row("the same, until it is answered", "reply_ms", "ms", at_most="reply_reach_ms"),
        ),
    ),
    Workload(
        "refused",
        "replies",
        "refused",
        {"replies": 30},
        {"replies": 2},
        (
            Row("refused reply, until its note is written", "refused_ms", "ms"),
            Row("the first one of a process", "first_ms", "ms"),
        ),
    ),
    Workload(
        "batch",
        "replies",
        "batch",
        {"items": 10_000, "replies": 2},
        {"items": 10, "replies": 1},
        (Row("BATCH_PROCESS of 10,000 items, until answered", "batch_ms", "ms"),),
    ),
    Workload(
        "import",
        "footprint",
        "imports",
        {"rounds": 10},
        {"rounds": 1},
        (Row("import syncara", "import_ms", "ms", at_most=150),),
    ),
    Workload(
        "install",
        "footprint",
        "install",
        {"wanted": True},
        {"wanted": False},
        (
            Row("core install, as downloaded", "install_mb", "MB", at_most=12),
            Row("compiled by pip, on top of it", "compiled_mb", "MB"),
        ),
        once=True,
    ),
    Workload("idle", "footprint", "idle", {}, {}, (Row("memory of an idle engine", "idle_mb", "MB", at_most=45),)),
)
