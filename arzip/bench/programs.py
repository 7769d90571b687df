"""Other compressors that are programs: listed where they are on the PATH, run on files in a folder of their own."""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.bench.peers import Peer
from arzip.bench.sound import sound_of_wav, wav_of_sound
from arzip.errors import ArzipError

__all__ = ["PROGRAMS"]


@dataclass(frozen=True)
class _Medium:
    """How a peer's input becomes the file that a program reads, and back."""

    takes: str
    suffix: str
    to_file: Callable[[Any], bytes]
    of_file: Callable[[bytes], Any]


def _png_of(pixels: NDArray[Any]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[..., 0]).save(out, "PNG")
    return out.getvalue()


def _pixels_of(data: bytes) -> NDArray[Any]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


_FILE = _Medium("file", "", bytes, bytes)
_IMAGE = _Medium("image", ".png", _png_of, _pixels_of)
_AUDIO = _Medium("audio", ".wav", wav_of_sound, sound_of_wav)


def _program(name: str, medium: _Medium, coded: str, code: str, decode: str) -> Peer:
    """A peer from two command lines, `code` from in.SUFFIX to out.CODED, `decode` from in.CODED to out.SUFFIX."""
    words, words_back = code.split(), decode.split()

    def forth(data: Any) -> bytes:
        return _run(words, f"in{medium.suffix}", medium.to_file(data), f"out{coded}")

    def back(data: bytes) -> Any:
        return medium.of_file(_run(words_back, f"in{coded}", data, f"out{medium.suffix}"))

    return Peer(name, medium.takes, words[0], forth, back, is_program=True)


def _run(words: list[str], source: str, data: bytes, target: str) -> bytes:
    """What a program makes of one file; raises ArzipError with its last line when it fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / source).write_bytes(data)
        done = subprocess.run(words, cwd=folder, capture_output=True, check=False)
        if done.returncode or not (folder / target).is_file():
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
            how = f"killed by signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
            raise ArzipError(f"{words[0]}: {how}{': ' + said[-1] if said else ''}")
        return (folder / target).read_bytes()


PROGRAMS = (
    _program("bzip3", _FILE, ".bz3", "bzip3 -e -b 16 in out.bz3", "bzip3 -d in.bz3 out"),
    _program("zpaq -m5", _FILE, ".zpaq", "zpaq a out.zpaq in -m5 -t1", "zpaq x in.zpaq in -to out -t1"),
    _program("FLIF", _IMAGE, ".flif", "flif -e in.png out.flif", "flif -d in.flif out.png"),
    _program("WavPack -hhx3", _AUDIO, ".wv", "wavpack -q -hhx3 in.wav -o out.wv", "wvunpack -q in.wv -o out.wav"),
)
