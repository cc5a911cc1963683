"""What having the package costs: its import, its size on disk, and an engine that does nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.workload import ROOT, Measures, main, memory_bytes, processor, timed

MB = 1_000_000


def imports(folder: Path, rounds: int) -> Measures:
    """A process that imports the package, less one that does nothing, in turns."""
    bare: list[float] = []
    full: list[float] = []
    for _ in range(rounds):
        for seconds, code in ((bare, "pass"), (full, "import syncara")):
            with timed(seconds):
                subprocess.run([sys.executable, "-c", code], check=True)
    return {"import_ms": (median(full) - median(bare)) * 1e3}


def install(folder: Path, wanted: bool) -> Measures:
    """All files of the package and what it needs, as pip puts them into an empty folder."""
    if not wanted:
        return dict.fromkeys(("install_mb", "compiled_mb"), "left out of a quick run")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "--target", str(folder), str(ROOT)], capture_output=True, text=True, check=False)
    if done.returncode:
        return dict.fromkeys(("install_mb", "compiled_mb"), "pip failed: " + done.stderr.strip().splitlines()[-1])
    sizes = [(path.suffix, path.stat().st_size) for path in folder.rglob("*") if path.is_file()]
    return {
        "install_mb": sum(size for suffix, size in sizes if suffix != ".pyc") / MB,
        "compiled_mb": sum(size for suffix, size in sizes if suffix == ".pyc") / MB,
    }


async def idle(folder: Path) -> Measures:
    async with processor(folder / "idle.db"):
        return {"idle_mb": memory_bytes() / MB}


if __name__ == "__main__":
    main(imports, install, idle)
