"""The layer rules hold, and each of them catches a violation that is planted in a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = ROOT / "pyproject.toml"
CONTRACTS = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
NAMES = {contract["id"]: contract["name"] for contract in CONTRACTS}
KEPT_FROM_CORE = next(contract["forbidden_modules"] for contract in CONTRACTS if contract["id"] == "core")

PLANTS = [
    ("layers", {"core/planted.py": "import syncara.abc"}),
    ("layers", {"handlers/planted.py": "def late() -> None:\n    import syncara.doors"}),
    ("layers", {"runtimes/planted.py": "import syncara.stores"}),
    ("layers", {"app.py": "import syncara.testing.planted", "testing/planted.py": ""}),
    ("layers", {"planted.py": ""}),
    ("doors", {"doors/planted.py": "import syncara.doors.other", "doors/other.py": ""}),
    ("settings", {"handlers/planted.py": "import syncara.settings", "settings.py": ""}),
    ("stores", {"handlers/planted.py": "import syncara.stores.other", "stores/other.py": ""}),
    ("front", {"handlers/planted.py": "from syncara import anything"}),
    *(("core", {"core/planted.py": f"import {module}"}) for module in KEPT_FROM_CORE),
]


def lint_imports(source: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", PYPROJECT, "--no-cache", "--no-logo", *options],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_package_keeps_its_layers() -> None:
    """Every contract in pyproject.toml is kept by the package as it is."""
    done = lint_imports(ROOT / "src")

    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(("contract", "files"), PLANTS)
def test_a_planted_violation_is_caught(tmp_path: Path, contract: str, files: dict[str, str]) -> None:
    """A module that breaks a contract is named by exactly that contract."""
    shutil.copytree(ROOT / "src" / "syncara", tmp_path / "syncara", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in files.items():
        (tmp_path / "syncara" / name).write_text(text)

    done = lint_imports(tmp_path, "--contract", contract)

    assert f"{NAMES[contract]} BROKEN" in done.stdout, done.stdout + done.stderr
    assert "planted" in done.stdout


def test_every_contract_has_a_planted_violation() -> None:
    """A contract without a plant could have stopped checking, and nobody would know."""
    assert set(NAMES) == {contract for contract, _ in PLANTS}
