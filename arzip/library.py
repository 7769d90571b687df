"""The library: compress, decompress, open, load."""

from __future__ import annotations

import builtins
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from arzip import store
from arzip.archive import compress_stream, decompress_stream
from arzip.coding.coder import Dice, Given
from arzip.coding.drive import decode_symbols
from arzip.errors import UnsupportedInput
from arzip.seeking import read_samples
from arzip.settings import Settings

__all__ = ["Layout", "Model", "Reading", "compress", "decompress", "load", "open"]


def compress(
    data: Any,
    *,
    level: int = 5,
    model: str | None = None,
    pcm: str | None = None,
    adapt: bool = True,
    lanes: int | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> bytes:
    """An archive of `data`.

    Args:
        data: bytes-like: a whole file's contents; a numpy array: kept as a .npy file; a PIL image: its pixels, kept as
            a PNM file.
        level: 1 (fastest) to 9 (smallest).
        model: id or folder of a trained model; None chooses by measuring.
        pcm: encoding and channels of raw samples, such as s16le,2.
        adapt: False codes with trained nets alone.
        lanes: of the adaptive engine, 1 to 64; None: by length.
        threads: blocks coded at once; never changes the bytes.

    Raises:
        UnsupportedInput, ModelError.
    """
    settings = Settings(
        level=level,
        model=model,
        pcm=pcm,
        adapt=adapt,
        lanes=lanes,
        device=device,
        threads=threads or os.cpu_count() or 1,
    )
    out = io.BytesIO()
    compress_stream(io.BytesIO(_file_of(data)), out, settings)
    return out.getvalue()


def decompress(archive: Any, *, model: str | None = None, device: str = "auto", limit: int = 1 << 34) -> bytes:
    """The bytes that `compress` was given; for an array those of its .npy file.

    Args:
        model: folder of the model the archive was made with, where it is not installed under its id.
        limit: symbols that the archive may declare before it is refused.

    Raises:
        CorruptArchive, LimitExceeded, ModelError.
    """
    out = io.BytesIO()
    decompress_stream(io.BytesIO(archive), out, Settings(model=model, device=device, limit=limit))
    return out.getvalue()


def _file_of(data: Any) -> bytes:
    if isinstance(data, np.ndarray):
        npy = io.BytesIO()
        np.save(npy, data, allow_pickle=False)
        return npy.getvalue()
    if hasattr(data, "getbands") and hasattr(data, "tobytes"):  # a PIL image, without importing PIL
        kinds = {"L": ("P5", 1), "RGB": ("P6", 3)}
        if data.mode in kinds:
            return f"{kinds[data.mode][0]}\n{data.width} {data.height}\n255\n".encode() + bytes(data.tobytes())
        if data.mode in ("LA", "RGBA"):
            depth = len(data.mode)
            type_ = "GRAYSCALE_ALPHA" if depth == 2 else "RGB_ALPHA"
            head = (
                f"P7\nWIDTH {data.width}\nHEIGHT {data.height}\nDEPTH {depth}\nMAXVAL 255\nTUPLTYPE {type_}\nENDHDR\n"
            )
            return bytes(head.encode() + data.tobytes())
        raise UnsupportedInput(f"PIL mode {data.mode} is not taken; convert the image to L, LA, RGB or RGBA first")
    try:
        return bytes(memoryview(data))
    except TypeError as error:
        raise UnsupportedInput(f"cannot compress a {type(data).__name__}; give bytes, an array or an image") from error


def open(path: str | os.PathLike[str], mode: str = "rb", **settings: Any) -> IO[Any]:
    """Opens an archive as a file: "rb" or "rt" reads the original, "wb" or "wt" (or "x") writes an archive on closing.

    `settings` are those of `compress`. Raises UnsupportedInput for another mode.
    """
    kind, text = mode.replace("t", "").replace("b", ""), "t" in mode
    if kind == "r":
        binary: Any = Reading(Path(path))
    elif kind in ("w", "x"):
        binary = _Writing(Path(path), kind == "x", settings)
    else:
        raise UnsupportedInput(f"mode {mode!r} is not possible; use rb, rt, wb, wt or xb")
    return io.TextIOWrapper(binary, encoding="utf-8") if text else binary


class Reading(io.BufferedReader):
    """An archive opened for reading: the original as a file, decoded when it is first read."""

    def __init__(self, path: Path) -> None:
        self._archive = path.read_bytes()
        super().__init__(_Original(self._archive))

    def read_samples(self, start: int, stop: int) -> NDArray[Any]:
        """Samples start .. stop - 1 of every channel, int16 or int32 [T, C]; only the frames around them are decoded.

        Past the end there are none. Raises UnsupportedInput where the archive does not hold sound; CorruptArchive.
        """
        return read_samples(io.BytesIO(self._archive), start, stop, Settings())


class _Original(io.RawIOBase):
    """What an archive holds, decoded at the first use."""

    def __init__(self, archive: bytes) -> None:
        self._archive = archive
        self._plain: io.BytesIO | None = None

    @property
    def _opened(self) -> io.BytesIO:
        if self._plain is None:
            self._plain = io.BytesIO(decompress(self._archive))
        return self._plain

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._opened.readinto(buffer)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._opened.seek(offset, whence)

    def tell(self) -> int:
        return self._plain.tell() if self._plain is not None else 0


class _Writing(io.BytesIO):
    """Collects what is written; on a clean close compresses it and puts the archive in place by one rename."""

    def __init__(self, path: Path, exclusive: bool, settings: dict[str, Any]) -> None:
        super().__init__()
        if exclusive and path.exists():
            raise FileExistsError(f"{path} exists already")
        self._path, self._settings = path, settings

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if kind is not None:
            super().close()
        self.close()

    def close(self) -> None:
        if self.closed:
            return
        archive = compress(self.getvalue(), **self._settings)
        super().close()
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        try:
            with builtins.open(part, "wb") as out:
                out.write(archive)
            part.replace(self._path)
        finally:
            part.unlink(missing_ok=True)


@dataclass(frozen=True)
class Layout:
    """An example of `variables`: `labels` bits of a label, then the picture's `rows` (1 of what is no picture)."""

    rows: int
    variables: int
    colours: int = 1  # of a pixel
    labels: int = 0

    @property
    def columns(self) -> int:
        """Pixels of a row."""
        return (self.variables - self.labels) // (self.rows * self.colours)


class Model:
    """A trained model: what each symbol costs, what it expects, what it dreams.

    Shapes are those of the model's kind: pictures uint8 [H, W, C] or [L, H, W, C], tables uint8 [N, D], sound int16
    [T, C].
    """

    def __init__(self, loaded: store.Loaded) -> None:
        self._loaded = loaded
        self.id, self.kind, self.fingerprint = loaded.id, loaded.kind, loaded.fingerprint.hex()
        self.depth: int = getattr(loaded.causal, "depth", 8)  # bits of a symbol

    @property
    def layout(self) -> Layout:
        """What a table's examples are; raises UnsupportedInput for models of other kinds."""
        if self.kind != "table":
            raise UnsupportedInput(f"{self.id} takes {self.kind}, not tables of examples")
        net = self._loaded.net
        return Layout(int(net.rows), int(net.variables), getattr(net, "colours", 1), getattr(net, "labels", 0))

    def bits(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """The exact net's code length of every symbol in bits; the shape of x."""
        lengths: NDArray[np.float64] = self._loaded.causal.code_lengths(x)
        return lengths

    def rows(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """The distribution of every symbol given those before it: [*x.shape, alphabet], each row sums to 1."""
        if not hasattr(self._loaded.causal, "rows"):
            raise UnsupportedInput(
                f"{self.id}: distributions of {self.kind} are too wide to list; `bits` says their cost"
            )
        rows: NDArray[np.float64] = self._loaded.causal.rows(x)
        return rows

    @property
    def rate(self) -> int:
        """Samples a second of sound that is drawn."""
        if self.kind != "audio":
            raise UnsupportedInput(f"{self.id} takes {self.kind}, not sound")
        return int(self._loaded.net.rate)

    @property
    def _drawing(self) -> Any:
        """What draws: sound in one piece, where coding would cut it into lanes."""
        return getattr(self._loaded.causal, "unbroken", self._loaded.causal)

    def sample(self, shape: tuple[int, ...], *, seed: int = 0, temperature: float = 1.0) -> NDArray[Any]:
        """Symbols drawn from the model, by the decode loop fed with a dice; the same on every machine."""
        return decode_symbols(self._drawing, shape, Dice(seed, temperature=temperature))

    def complete(
        self, x: NDArray[Any], known: NDArray[np.bool_], *, seed: int = 0, temperature: float = 1.0
    ) -> NDArray[Any]:
        """Draws what is not known of x; what is drawn depends on the known symbols that come before it in coding order.

        Args:
            known: bool, the shape of x.
        """
        if known.shape != x.shape:
            raise UnsupportedInput(f"`known` is of shape {known.shape}, the symbols of {x.shape}")
        causal = self._loaded.causal.suited(known) if hasattr(self._loaded.causal, "suited") else self._drawing
        # Coding the mask itself tells which of the decisions, in coding order, are about known symbols.
        low, high = getattr(causal, "extremes", (0, (1 << self.depth) - 1))
        mark = np.where(known, high, low).astype(x.dtype)
        given = np.concatenate([np.zeros(0, np.int32), *(part.ravel() for _, part in causal.predictions(x))])
        marked = np.concatenate([np.zeros(0, np.int32), *(part.ravel() for _, part in causal.predictions(mark))])
        dice = Dice(seed, temperature=temperature)
        return decode_symbols(causal, x.shape, Given(dice, given, marked > 0))

    def score(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Bits per dimension of every example of a table [N, D] or batch of pictures [L, H, W, C]; else one number [1].

        What the model finds unlikely costs more: sorted, the scores put anomalies first.
        """
        bits = self.bits(x)
        batch = self.kind == "table" or (self.kind == "image" and x.ndim == 4)
        scores: NDArray[np.float64] = bits.reshape(len(bits) if batch else 1, -1).mean(axis=1)
        return scores


def load(model: str, *, device: str = "auto") -> Model:
    """A trained model by id or folder; raises ModelError."""
    return Model(store.load(model, device=device))
