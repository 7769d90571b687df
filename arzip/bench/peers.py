"""Other compressors, all in one shape: code and decode, in memory, through installed bindings (extra `peers`).

Each is given what suits it: the file's bytes, a picture's pixels, or a recording's samples. What is not installed has
its line all the same, which says so.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from arzip.bench.sound import Sound

__all__ = ["BINDINGS", "Peer"]


@dataclass(frozen=True)
class Peer:
    """A compressor; `code` and `decode` are inverse to each other.

    takes   what `code` is given
    file    the file's bytes
    image   pixels [H, W, C]
    audio   a Sound
    """

    name: str
    takes: str
    needs: str  # the module it comes from, or the program
    code: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    is_program: bool = False

    @property
    def installed(self) -> bool:
        """Whether its module can be imported, or its program is on the PATH."""
        return bool(shutil.which(self.needs)) if self.is_program else find_spec(self.needs) is not None


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def _zstd(level: int) -> Callable[[bytes], bytes]:
    def code(data: bytes) -> bytes:
        import zstandard

        return zstandard.ZstdCompressor(level=level).compress(data)

    return code


def _zstd_back(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdDecompressor().decompress(data)


def _brotli(data: bytes) -> bytes:
    import brotli

    return bytes(brotli.compress(data, quality=11, lgwin=24))


def _brotli_back(data: bytes) -> bytes:
    import brotli

    return bytes(brotli.decompress(data))


def _ppmd(data: bytes) -> bytes:
    import pyppmd

    return len(data).to_bytes(8, "little") + bytes(pyppmd.compress(data, max_order=32, mem_size=1 << 28))


def _ppmd_back(data: bytes) -> bytes:
    import pyppmd

    plain = cast(bytes, pyppmd.decompress(data[8:], max_order=32, mem_size=1 << 28))
    return plain[: int.from_bytes(data[:8], "little")]


def _pil(format_: str, **options: Any) -> Callable[[NDArray[Any]], bytes]:
    def code(pixels: NDArray[Any]) -> bytes:
        from PIL import Image

        out = io.BytesIO()
        Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[..., 0]).save(out, format_, **options)
        return out.getvalue()

    return code


def _pil_back(data: bytes) -> NDArray[Any]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


def _webp(pixels: NDArray[Any]) -> bytes:
    """WebP has no gray and gives three equal channels back: a byte in front says how many there were."""
    options = {"lossless": True, "quality": 100, "method": 6, "exact": True}
    return bytes([pixels.shape[2]]) + _pil("WEBP", **options)(pixels)


def _webp_back(data: bytes) -> NDArray[Any]:
    return _pil_back(data[1:])[..., : data[0]]


def _jxl(effort: int) -> Callable[[NDArray[Any]], bytes]:
    def code(pixels: NDArray[Any]) -> bytes:
        import imagecodecs

        return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=effort, numthreads=1))

    return code


def _jxl_back(data: bytes) -> NDArray[Any]:
    import imagecodecs

    return np.asarray(imagecodecs.jpegxl_decode(data))


def _flac(sound: Sound) -> bytes:
    import soundfile

    out = io.BytesIO()
    samples = sound.samples.astype(np.int32) << (32 - sound.depth)
    subtype = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"}[sound.depth]
    soundfile.write(out, samples, sound.rate, subtype=subtype, format="FLAC", compression_level=1.0)
    return out.getvalue()


def _flac_back(data: bytes) -> Sound:
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(data), dtype="int32", always_2d=True)
    depth = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}[soundfile.info(io.BytesIO(data)).subtype]
    return Sound(samples >> (32 - depth), depth, rate)


BINDINGS = (
    Peer("gzip -9", "file", "gzip", lambda d: gzip.compress(d, 9, mtime=0), gzip.decompress),
    Peer("bzip2 -9", "file", "bz2", lambda d: bz2.compress(d, 9), bz2.decompress),
    Peer("xz -9e", "file", "lzma", _xz, lzma.decompress),
    Peer("zstd -19", "file", "zstandard", _zstd(19), _zstd_back),
    Peer("zstd --ultra -22", "file", "zstandard", _zstd(22), _zstd_back),
    Peer("brotli 11", "file", "brotli", _brotli, _brotli_back),
    Peer("PPMd 32", "file", "pyppmd", _ppmd, _ppmd_back),
    Peer("PNG optimised", "image", "PIL", _pil("PNG", optimize=True), _pil_back),
    Peer("WebP lossless", "image", "PIL", _webp, _webp_back),
    Peer("JPEG XL -e7", "image", "imagecodecs", _jxl(7), _jxl_back),
    Peer("JPEG XL -e9", "image", "imagecodecs", _jxl(9), _jxl_back),
    Peer("FLAC -8", "audio", "soundfile", _flac, _flac_back),
)
