"""The command line as its users meet it: real processes, exit codes, one clear line, nothing half-written."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from arzip.cli import cli, main
from tests.test_archive import picture_file

TEXT = b"A sentence that comes again and again, with small changes; " * 40


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_bytes(TEXT)
    return path


def arzip(*words: object, stdin: bytes = b"", code: int = 0) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "arzip", *map(str, words)], input=stdin, capture_output=True, check=False, timeout=300
    )
    assert done.returncode == code, done.stderr.decode()
    return done


def call(*words: object) -> tuple[int, str]:
    """The same without a new process: exit code and standard error."""
    saved, sys.argv = sys.argv, ["arzip", *map(str, words)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0), ""
    finally:
        sys.argv = saved
    return 0, ""


def listing(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def test_there_and_back_keeps_everything(text: Path) -> None:
    assert call("compress", text)[0] == 0
    archive = text.with_name("note.txt.arz")
    assert archive.stat().st_size < len(TEXT) / 5
    assert call("test", archive)[0] == 0
    text.unlink()
    assert call("decompress", "--rm", archive)[0] == 0
    assert text.read_bytes() == TEXT
    assert listing(text.parent) == {"note.txt"}


def test_json_and_info(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("compress", "--json", "-1", text)[0] == 0
    figures = json.loads(capsys.readouterr().out)
    size = text.with_name("note.txt.arz").stat().st_size
    assert figures["bytes_in"] == figures["dims"] == len(TEXT) and figures["bytes_out"] == size
    assert figures["achieved_bits_per_dim"] == pytest.approx(8 * size / len(TEXT), abs=1e-6)
    assert {"model_bits_per_dim", "overhead_percent", "model", "seconds"} <= set(figures)
    assert call("info", "--json", f"{text}.arz")[0] == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["bytes_in"] == len(TEXT) and facts["roads"] == {"bytes": 1}
    assert call("info", f"{text}.arz")[0] == 0
    assert "restored" in capsys.readouterr().out


def test_filters_and_tar(tmp_path: Path, text: Path) -> None:
    packed = arzip(stdin=TEXT).stdout
    assert arzip("-d", stdin=packed).stdout == TEXT
    assert arzip("decompress", "-", stdin=arzip("compress", stdin=TEXT).stdout).stdout == TEXT
    assert arzip("decompress", "-c", _written(tmp_path / "x.arz", packed)).stdout == TEXT
    script = tmp_path / "filter"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m arzip "$@"\n')
    script.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    tar = ["tar", "-I", str(script), "-C", str(tmp_path)]
    subprocess.run([*tar, "-cf", str(tmp_path / "a.tar.arz"), "note.txt"], check=True, env=environment)
    listed = subprocess.run(
        [*tar, "-tf", str(tmp_path / "a.tar.arz")], check=True, env=environment, capture_output=True
    )
    assert listed.stdout == b"note.txt\n"


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["compress", "{}/missing"], 2, "No such file"),
        (["compress", "{}"], 2, "is a folder"),
        (["compress", "--model", "no-such", "{}/picture.pam"], 4, "not installed"),
        (["compress", "--model", "photo-1", "{}/note.txt"], 2, "takes image"),
        (["compress", "--lanes", "99", "{}/note.txt"], 2, "99"),
        (["compress", "-o", "{}/a/b/c", "{}/note.txt"], 6, "cannot be written"),
        (["compress", "-o", "{}/one", "{}/note.txt", "{}/picture.pam"], 2, "need a folder"),
        (["decompress", "{}/note.txt"], 2, "does not end in .arz"),
        (["decompress", "{}/foreign.arz"], 3, "no arzip archive"),
        (["decompress", "{}/empty.arz"], 3, "no arzip archive"),
        (["decompress", "{}/one.arz"], 3, "no arzip archive"),
        (["decompress", "{}/cut.arz"], 3, "truncated"),
        (["decompress", "{}/flipped.arz"], 3, "damaged"),
        (["test", "{}/flipped.arz"], 3, "damaged"),
        (["info", "{}/foreign.arz"], 3, "no arzip archive"),
        (["train", "{}/missing.toml"], 2, "missing.toml"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(
    words: list[str], code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: Path
) -> None:
    (tmp_path / "picture.pam").write_bytes(picture_file())
    (tmp_path / "foreign.arz").write_bytes(b"something else")
    (tmp_path / "empty.arz").write_bytes(b"")
    (tmp_path / "one.arz").write_bytes(b"\x89")
    import arzip as library

    whole = library.compress(TEXT)
    (tmp_path / "cut.arz").write_bytes(whole[:-9])
    (tmp_path / "flipped.arz").write_bytes(whole[:30] + bytes([whole[30] ^ 4]) + whole[31:])
    before = listing(tmp_path)
    assert call(*(w.format(tmp_path) for w in words))[0] == code
    told = capsys.readouterr()
    assert says in told.err and "Traceback" not in told.err and told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    assert listing(tmp_path) == before


def test_existing_files_stay_unless_forced(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = _written(text.with_name("note.txt.arz"), b"precious")
    assert call("compress", text)[0] == 6
    assert "--force" in capsys.readouterr().err
    assert archive.read_bytes() == b"precious"
    assert call("compress", "--force", text)[0] == 0
    assert call("decompress", archive)[0] == 6
    assert text.read_bytes() == TEXT


def test_one_bad_file_does_not_stop_the_others(text: Path, tmp_path: Path) -> None:
    assert call("compress", tmp_path / "missing", text)[0] == 2
    assert (tmp_path / "note.txt.arz").exists()


def test_a_failed_verification_writes_nothing_and_keeps_the_input(
    text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from arzip import roads
    from arzip.ways import Coded, Stored

    right = roads.Road.encode

    def wrong(self: roads.Road, block: np.ndarray) -> Coded:
        coded = right(self, block)
        return replace(coded, road=Stored.number, payload=bytes(len(block)))

    monkeypatch.setattr(roads.Road, "encode", wrong)
    assert call("compress", "--rm", text)[0] == 3
    assert "verification failed" in capsys.readouterr().err
    assert listing(text.parent) == {"note.txt"}
    assert text.read_bytes() == TEXT


def test_a_full_disk_leaves_nothing(text: Path) -> None:
    text.write_bytes(os.urandom(300_000))

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        [sys.executable, "-m", "arzip", "compress", str(text)], capture_output=True, check=False, preexec_fn=limit
    )
    assert done.returncode == 6, done.stderr.decode()
    assert b"disk is full" in done.stderr and b"Traceback" not in done.stderr
    assert listing(text.parent) == {"note.txt"}


def test_an_interrupt_leaves_nothing(text: Path) -> None:
    text.write_bytes(bytes(range(97, 123)) * 200_000)
    work = subprocess.Popen(
        [sys.executable, "-m", "arzip", "compress", str(text)],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )
    deadline = time.monotonic() + 60
    while listing(text.parent) == {"note.txt"} and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    work.send_signal(signal.SIGINT)
    _, told = work.communicate(timeout=60)
    assert work.returncode == 130, told.decode()
    assert told.decode().strip().splitlines()[-1] == "arzip: interrupted; nothing was left behind"
    assert b"Traceback" not in told
    assert listing(text.parent) == {"note.txt"}


def test_recover_from_the_command_line(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call("compress", text)
    archive = text.with_name("note.txt.arz")
    data = bytearray(archive.read_bytes())
    data[30] ^= 1
    archive.write_bytes(data)
    text.unlink()
    assert call("decompress", archive)[0] == 3
    assert not text.exists()
    assert call("decompress", "--recover", archive)[0] == 3
    assert "lost" in capsys.readouterr().err
    assert text.exists() and archive.exists()


def test_help_is_light_and_complete() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    for command in (
        "compress",
        "decompress",
        "test",
        "info",
        "models",
        "train",
        "compare",
        "report",
        "explain",
        "bench",
    ):
        assert command in shown
    heavy = "import sys, arzip.cli; sys.exit(any(m in sys.modules for m in ('torch', 'numba', 'numpy', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", heavy], check=False).returncode == 0


def test_models_and_compare(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("models")[0] == 0
    assert "photo-1: local_pixelcnn" in capsys.readouterr().out
    picture = _written(tmp_path / "p.pam", picture_file())
    assert call("compare", "--json", "--peers", "xz -9e,WebP lossless", text, picture)[0] == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    sizes = {row["name"]: row["bytes"] for row in first["rows"]}
    assert sizes["xz -9e"] > min(size for size in sizes.values() if size)
    assert any(row["name"] == "WebP lossless" and row["bytes"] for row in second["rows"])
    assert call("compare", text, "--peers", "gzip -9")[0] == 0
    assert "bits/dim" in capsys.readouterr().out
