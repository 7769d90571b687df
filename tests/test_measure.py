"""Peers in their own processes: medians, comparison of every decode, and every way a peer can fail as a clear row."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from arzip.bench.measure import Bench, Plan, Row, Variant
from arzip.bench.peers import BINDINGS, Peer
from arzip.bench.programs import PROGRAMS
from arzip.bench.results import FileResult, totals
from arzip.bench.sound import Sound
from arzip.bench.subjects import found, subject_of
from arzip.bench.worker import _peer_job, read_medium, write_medium
from arzip.errors import UnsupportedInput
from tests.test_archive import picture_file

TEXT = b"One row for every tool, and a reason where there is no size. " * 20


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_bytes(TEXT)
    return path


def rows_of(path: Path, *peers: str, runs: int = 1) -> dict[str, Row]:
    with Bench(Plan((), peers, runs=runs)) as bench:
        return {row.name: row for row in bench.rows(subject_of("note", path))}


def test_rows_hold_what_was_measured(text: Path) -> None:
    row = rows_of(text, "xz -9e", runs=3)["xz -9e"]
    assert row.bytes is not None and row.bytes < len(TEXT)
    assert row.bits_per_dim == pytest.approx(8 * row.bytes / len(TEXT), abs=1e-5)
    assert row.runs == 3 and row.encode > 0 and row.decode > 0 and row.encode_cpu > 0
    assert 5 < row.peak_mib < 400 and row.remark == ""


def test_an_unknown_peer_is_refused() -> None:
    with pytest.raises(UnsupportedInput, match="no peer 'lzip'"):
        Bench(Plan((), ("lzip",)))


FAKES = {
    "import os\ndef compress(data, **_): os._exit(7)": "crashed (exit code 7)",
    "import os\ndef compress(data, **_): os.kill(os.getpid(), 9)": "crashed (SIGKILL)",
    "def compress(data, **_): return b'x'\ndef decompress(data): return b'other bytes'": "decodes to something else",
    "def compress(data, **_): raise MemoryError('no room\\nat all')": "no room",
    "raise ImportError('a broken build')": "a broken build",
}


@pytest.mark.parametrize("source", FAKES, ids=FAKES.values())
def test_a_peer_that_fails_is_a_row_that_says_so(
    source: str, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "brotli.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    rows = rows_of(text, "brotli 11", "gzip -9", runs=2)
    assert rows["brotli 11"].failed and FAKES[source] in rows["brotli 11"].remark
    assert not rows["gzip -9"].failed


def test_a_worker_that_was_killed_between_files_is_started_anew(text: Path) -> None:
    subject = subject_of("note", text)
    with Bench(Plan((), ("gzip -9",))) as bench:
        assert not bench.rows(subject)[0].failed
        process = bench._workers["gzip -9"]._process
        assert process is not None
        process.kill()
        process.wait()
        assert "crashed (SIGKILL)" in bench.rows(subject)[0].remark
        assert not bench.rows(subject)[0].failed


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)


def test_programs_are_run_on_files(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    program(folder, "bzip3", 'if [ "$1" = -e ]; then cp in out.bz3; else cp in.bz3 out; fi')
    row = rows_of(text, "bzip3")["bzip3"]
    assert row.bytes == len(TEXT) and row.peak_mib > 0
    program(folder, "bzip3", "echo 'no room on the device' >&2; exit 3")
    assert rows_of(text, "bzip3")["bzip3"].remark == "failed: bzip3: exit code 3: no room on the device"
    program(folder, "bzip3", "kill -9 $$")
    assert "killed by signal 9" in rows_of(text, "bzip3")["bzip3"].remark
    program(folder, "bzip3", 'if [ "$1" = -e ]; then cp in out.bz3; else echo lost > out; fi')
    assert rows_of(text, "bzip3")["bzip3"].remark == "failed: decodes to something else"


def test_a_picture_program_is_given_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    program(folder, "flif", 'if [ "$1" = -e ]; then cp in.png out.flif; else cp in.flif out.png; fi')
    picture = tmp_path / "p.pam"
    picture.write_bytes(picture_file())
    rows = rows_of(picture, "FLIF", "WebP lossless")
    assert not rows["FLIF"].failed and not rows["WebP lossless"].failed
    assert "FLIF" not in rows_of(picture, "gzip -9")


def test_what_is_not_installed_says_so(tmp_path: Path) -> None:
    absent = Peer("Absent", "file", "no_such_module", bytes, bytes)
    assert _peer_job(absent, {"medium": ""}) == {"remark": "not installed"}
    assert all(not peer.is_program for peer in BINDINGS) and all(peer.is_program for peer in PROGRAMS)


def test_media_go_to_workers_unchanged(tmp_path: Path) -> None:
    sound = Sound(np.arange(12, dtype=np.int32).reshape(6, 2), 24, 96000)
    write_medium("audio", sound, tmp_path / "a")
    back = read_medium("audio", tmp_path / "a")
    assert (back.depth, back.rate) == (24, 96000)
    np.testing.assert_array_equal(back.samples, sound.samples)


@pytest.mark.parametrize("depth", [16, 24])
def test_flac_keeps_samples(depth: int) -> None:
    pytest.importorskip("soundfile")
    flac = next(peer for peer in BINDINGS if peer.name == "FLAC -8")
    samples = np.random.default_rng(0).integers(-(1 << (depth - 1)), 1 << (depth - 1), (4000, 2)).astype(np.int32)
    back = flac.decode(flac.code(Sound(samples, depth, 44100)))
    assert back.rate == 44100
    np.testing.assert_array_equal(back.samples, samples)


def test_totals_need_every_file() -> None:
    rows = [Row("a", True, 10, 1.0, 1.0, 2.0, runs=1), Row("a", True, 30, 3.0, 2.0, 1.0, runs=1)]
    files = [FileResult(f"f{n}", bytes=80, dims=80, rows=(row, Row("b", False, 9))) for n, row in enumerate(rows)]
    files[1] = FileResult("f1", bytes=80, dims=80, rows=(rows[1], Row("b", False, remark="failed: x")))
    total = {row.name: row for row in totals(files)}
    assert total["a"].bytes == 40 and total["a"].bits_per_dim == 2.0 and total["a"].encode == 3.0
    assert total["b"].failed and total["b"].remark == "on 1 of 2 files only"


def test_places_are_files_folders_and_corpora(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.txt").write_bytes(b"b")
    (tmp_path / ".hidden").write_bytes(b"h")
    labels = [label for label, _ in found([tmp_path, tmp_path / "none"])]
    assert labels == [f"{tmp_path.name}/deep/b.txt", "none"]
    rendered = [label for label, _ in found([Path("rendered")])]
    assert len(rendered) == 8 and all(label.endswith(".png") for label in rendered)


def test_variants_are_named_by_what_they_change() -> None:
    settings = Variant("x", level=3, adapt=False).settings(2)
    assert (settings.level, settings.adapt, settings.threads) == (3, False, 2)
