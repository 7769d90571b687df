"""The fixed benchmark: which files below ARZIP_CORPORA are measured, and in which form."""

from __future__ import annotations

import io
import lzma
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from arzip.bench.sound import Sound, wav_of_sound
from arzip.errors import UnsupportedInput

__all__ = ["SETS", "BenchSet", "chosen_sets", "prepared"]


@dataclass(frozen=True)
class BenchSet:
    """Files `pattern` of a folder below ARZIP_CORPORA; `form` makes of a file what is measured (None: as it is)."""

    name: str
    title: str
    folder: str
    pattern: str = "*"
    form: Callable[[bytes], bytes] | None = None
    suffix: str = ""  # of the new form
    net_alone: bool = False  # also measured without adaptation


def _as_pnm(data: bytes) -> bytes:
    """A picture's pixels as a PNM file, so that only the picture's model counts."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        pixels = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    kind = "P5" if pixels.mode == "L" else "P6"
    return f"{kind}\n{pixels.width} {pixels.height}\n255\n".encode() + pixels.tobytes()


def _as_wav(data: bytes) -> bytes:
    """A FLAC file's samples as a WAV file."""
    import soundfile

    depth = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}[soundfile.info(io.BytesIO(data)).subtype]
    samples, rate = soundfile.read(io.BytesIO(data), dtype="int32", always_2d=True)
    return wav_of_sound(Sound(samples >> (32 - depth), depth, rate))


SETS = (
    BenchSet("kodak", "Kodak, 24 pictures as PPM", "images/eval/kodak", "*.png", _as_pnm, ".ppm", net_alone=True),
    BenchSet("kodak-png", "Kodak, 24 PNG files", "images/eval/kodak", "*.png"),
    BenchSet("pictures", "15 other pictures as PNM", "images/eval/misc", "*.png", _as_pnm, ".pnm"),
    BenchSet("canterbury", "Canterbury, 11 files", "text/eval/canterbury"),
    BenchSet("calgary", "Calgary, 10 text files", "text/eval/calgary"),
    BenchSet("small", "14 everyday files (source, logs, tables, mail)", "text/eval/small"),
    BenchSet("enwik6", "enwik6 (first 10^6 bytes of enwik8)", "text/eval/enwik"),
    BenchSet("silesia", "Silesia: dickens and xml", "text/eval/silesia", "*.xz", lzma.decompress),
    BenchSet("audio", "15 recordings as WAV", "audio/eval", "*.flac", _as_wav, ".wav"),
)


def chosen_sets(names: Iterable[str]) -> list[BenchSet]:
    """Sets by name, all when none is named; raises UnsupportedInput for an unknown name."""
    known = {each.name: each for each in SETS}
    names = list(names)
    for name in names:
        if name not in known:
            raise UnsupportedInput(f"there is no set {name!r}; the sets are {', '.join(known)}")
    return [known[name] for name in names] or list(SETS)


def prepared(chosen: BenchSet, scratch: Path) -> list[tuple[str, Path]]:
    """Labels and paths of a set's files, in `scratch` where they take another form.

    Raises UnsupportedInput that says what is missing.
    """
    root = os.environ.get("ARZIP_CORPORA")
    if not root:
        raise UnsupportedInput("set ARZIP_CORPORA to the folder that holds the data sets, or name folders to measure")
    folder = Path(root) / chosen.folder
    found = sorted(path for path in folder.glob(chosen.pattern) if path.is_file())
    if not found:
        raise UnsupportedInput(f"{chosen.name}: no files {chosen.pattern} in {folder}")
    if chosen.form is None:
        return [(f"{chosen.name}/{path.name}", path) for path in found]
    made = []
    for path in found:
        place = scratch / (path.stem + chosen.suffix)
        place.write_bytes(chosen.form(path.read_bytes()))
        made.append((f"{chosen.name}/{place.name}", place))
    return made
