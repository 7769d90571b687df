"""What is measured: files, folders and corpora become subjects that every tool can be given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.bench.sound import Sound, rate_of
from arzip.errors import ArzipError, UnsupportedInput
from arzip.files import open_input
from arzip.formats import FORMATS, take_apart
from arzip.training.corpora import corpus_folder

__all__ = ["Subject", "found", "subject_of"]

_BESIDE_DATA = {".toml", ".py", ".csv", ".md"}  # what describes a corpus and is none of its data


@dataclass(frozen=True)
class Subject:
    """One file; `pixels` or `sound` where it holds a single picture or recording."""

    label: str
    path: Path
    data: bytes
    kind: str  # of the symbols: bytes, image, audio, table; mixed for several parts of different kinds
    format: str
    dims: int
    pixels: NDArray[Any] | None = None
    sound: Sound | None = None

    @property
    def medium(self) -> dict[str, Any]:
        """What peers may take, by the names that `Peer.takes` has for it."""
        media: dict[str, Any] = {"file": self.data, "image": self.pixels, "audio": self.sound}
        return {takes: medium for takes, medium in media.items() if medium is not None}


def found(places: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Labels and paths of all files: those named, those below a folder, those of a corpus in corpora/ by its name.

    A place that does not exist comes as it is, so that reading it says what is wrong.
    """
    for place in places:
        corpus = not place.exists() and len(place.parts) == 1
        folder = place
        if corpus:
            try:
                folder = corpus_folder(place.name, Path())
            except UnsupportedInput:
                corpus = False
        if not folder.is_dir():
            yield place.name, place
            continue
        for path in sorted(folder.rglob("*")):
            below = path.relative_to(folder)
            hidden = any(part.startswith(".") for part in below.parts)
            if path.is_file() and not hidden and not (corpus and path.suffix in _BESIDE_DATA):
                yield str(Path(place.name) / below), path


def subject_of(label: str, path: Path) -> Subject:
    """Reads and takes apart one file; raises UnsupportedInput when it cannot be read."""
    try:
        with open_input(path) as source:
            data = source.read()
    except OSError as error:
        raise UnsupportedInput(f"{path}: {error.strerror or error}") from error
    try:
        number, parsed, _ = take_apart(data)
    except ArzipError as error:
        raise type(error)(f"{path}: {error}") from error
    if parsed is None:
        return Subject(label, path, data, "bytes", "bytes", len(data))
    kinds = {part.kind for part in parsed.parts}
    kind = kinds.pop() if len(kinds) == 1 else "mixed"
    facts = label, path, data, kind, FORMATS[number].NAME, sum(part.dims for part in parsed.parts)
    if len(parsed.parts) == 1:
        part = parsed.parts[0]
        if kind == "image" and part.dims:
            return Subject(*facts, pixels=np.ascontiguousarray(part.array))
        if kind == "audio" and part.dims:
            return Subject(*facts, sound=Sound(part.array, part.depth, rate_of(data)))
    return Subject(*facts)
