"""What is compiled is compiled anew when anything changes that went into it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from arzip import compiled as subject
from arzip.mixing import byte_kernel


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`kernel` imports `parts`, which imports `folder.table`; nobody imports `other`."""
    (tmp_path / "folder").mkdir()
    for name, text in {
        "kernel": "from arzip.parts import (\n    half,\n    whole,\n)\n",
        "parts": "import numpy\nfrom arzip.folder import table as t\nhalf = whole = 1\n",
        "folder/table": "TABLE = 1\n",
        "other": "from arzip.kernel import run\n",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(subject, "_HOME", tmp_path)
    return tmp_path


def stamped(path: Path) -> str:
    subject.stamp.cache_clear()
    subject._read.cache_clear()
    return subject.stamp(path)


@pytest.mark.parametrize(
    ("name", "matters"), [("kernel", True), ("parts", True), ("folder/table", True), ("other", False)]
)
def test_a_stamp_covers_what_is_imported(package: Path, name: str, matters: bool) -> None:
    before = stamped(package / "kernel.py")
    assert before == stamped(package / "kernel.py")
    changed = package / f"{name}.py"
    changed.write_text(changed.read_text() + "# changed\n")
    assert (stamped(package / "kernel.py") != before) == matters


def test_the_cache_of_what_is_compiled_goes_by_it() -> None:
    path = Path(byte_kernel.__file__).resolve()
    assert byte_kernel.run_block._cache._cache_file._source_stamp == stamped(path)
    text, found = subject._read(path)
    assert path.parents[1] / "exact" / "reading_gru.py" in found and b"run_block" in text


def test_what_is_on_disk_is_read_without_preparing_the_compiler() -> None:
    script = "import sys, arzip; arzip.compress(b'so much text, so little said. ' * 40); print(*sys.modules)"
    for _ in range(2):  # the first may have to compile
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "numba.core.dispatcher" in run.stdout.split()
    assert "numba.np.arraymath" not in run.stdout.split()
