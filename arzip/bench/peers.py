"""Other compressors, all in one shape: bytes in, size out, after their own decoding was compared.

Python bindings that install from a registry (extra `peers`); what is not installed is left out with a word.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["FILE_PEERS", "IMAGE_PEERS", "SOUND_PEERS", "Peer"]


@dataclass(frozen=True)
class Peer:
    """A compressor: `needs` is the module it comes from, `code` and `decode` are inverse to each other."""

    name: str
    needs: str
    code: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]

    @property
    def installed(self) -> bool:
        """Whether its module can be imported."""
        return find_spec(self.needs) is not None


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def _zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=19).compress(data)


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


FILE_PEERS = (
    Peer("gzip -9", "gzip", lambda d: gzip.compress(d, 9, mtime=0), gzip.decompress),
    Peer("bzip2 -9", "bz2", lambda d: bz2.compress(d, 9), bz2.decompress),
    Peer("xz -9e", "lzma", _xz, lzma.decompress),
    Peer("zstd -19", "zstandard", _zstd, _zstd_back),
    Peer("brotli 11", "brotli", _brotli, _brotli_back),
    Peer("PPMd 32", "pyppmd", _ppmd, _ppmd_back),
)


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


def _jxl(effort: int) -> Callable[[NDArray[Any]], bytes]:
    def code(pixels: NDArray[Any]) -> bytes:
        import imagecodecs

        return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=effort, numthreads=1))

    return code


def _jxl_back(data: bytes) -> NDArray[Any]:
    import imagecodecs

    return np.asarray(imagecodecs.jpegxl_decode(data))


IMAGE_PEERS = (
    Peer("PNG optimised", "PIL", _pil("PNG", optimize=True), _pil_back),
    Peer("WebP lossless", "PIL", _pil("WEBP", lossless=True, quality=100, method=6, exact=True), _pil_back),
    Peer("JPEG XL -e7", "imagecodecs", _jxl(7), _jxl_back),
    Peer("JPEG XL -e9", "imagecodecs", _jxl(9), _jxl_back),
)


def _flac(samples: NDArray[Any]) -> bytes:
    """Samples int16 or int32 [T, C] through libFLAC's level 8; those of int32 as 24 bits."""
    import soundfile

    out = io.BytesIO()
    wide = samples.dtype.itemsize == 4
    scaled = samples.astype(np.int32) << 8 if wide else samples
    subtype = "PCM_24" if wide else "PCM_16"
    soundfile.write(out, scaled, 44100, format="FLAC", subtype=subtype, compression_level=1.0)
    return out.getvalue()


def _flac_back(data: bytes) -> NDArray[Any]:
    import soundfile

    samples, _ = soundfile.read(io.BytesIO(data), dtype="int32", always_2d=True)
    wide = soundfile.info(io.BytesIO(data)).subtype == "PCM_24"
    return np.asarray(samples >> (8 if wide else 16))


SOUND_PEERS = (Peer("FLAC -8", "soundfile", _flac, _flac_back),)
