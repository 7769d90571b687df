"""Writes the archives of this version; run by hand, once, before a version is tagged: python tests/golden/make.py

An archive that exists is never written again: it must decode for ever.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import wave
from pathlib import Path

import numpy as np
from PIL import Image

import arzip

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def sound() -> bytes:
    """A fifth of a second of two channels, in integers alone."""
    time = np.arange(1600, dtype=np.int64)
    wave_ = np.stack([(time * time // 7) % 4001 - 2000, (time * 37) % 1013 - 506], axis=1)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(wave_.astype("<i2").tobytes())
    return out.getvalue()


def program() -> bytes:
    """The head of a program for x86, and calls of five functions from a hundred places."""
    out = bytearray(b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HH", 3, 62))
    for place in range(100):
        out += bytes([0x48, 0x89, 0xC7 + place % 3, 0xE8])
        out += struct.pack("<i", 5000 + 700 * (place * place % 5) - len(out))
    return bytes(out)


def originals() -> dict[str, tuple[bytes, dict[str, object]]]:
    """Name, contents and settings of every archive."""
    picture = Image.open(ROOT / "corpora/rendered/rendered-6.png").convert("RGB").crop((0, 0, 64, 48))
    png = io.BytesIO()
    picture.save(png, "PNG")
    rgb = np.asarray(picture)
    text = (ROOT / "LICENSE").read_bytes()
    pam = b"P7\nWIDTH 64\nHEIGHT 48\nDEPTH 4\nMAXVAL 255\nENDHDR\n" + np.dstack([rgb, rgb[..., 1]]).tobytes()
    return {
        "empty": (b"", {}),
        "text": (text, {}),
        "text-lanes": (text, {"lanes": 7}),
        "text-order-2": (text[:3000], {"model": "order-2"}),
        "stored": (np.random.default_rng(0).bytes(5000), {}),
        "gray": (b"P5\n64 48\n255\n" + rgb[..., 1].tobytes(), {"model": "photo-1"}),
        "colour-alpha": (pam, {"model": "photo-1"}),
        "png": (png.getvalue(), {"model": "photo-1"}),
        "photograph": (b"P6\n64 48\n255\n" + rgb.tobytes(), {}),
        "photograph-fast": (b"P6\n64 48\n255\n" + rgb.tobytes(), {"level": 1}),
        "photograph-slow": (b"P6\n64 48\n255\n" + rgb.tobytes(), {"level": 9}),
        "drawing": (b"P5\n64 48\n255\n" + (rgb[..., 1] // 64 * 64).tobytes(), {}),
        "text-unread": (text, {"level": 1}),
        "text-primed": (text, {"level": 3}),
        "sound": (sound(), {}),
        "program": (program(), {}),
        "gzip": (gzip.compress(text, 6, mtime=0), {}),
    }


if __name__ == "__main__":
    digests = HERE / "digests.json"
    known = json.loads(digests.read_text()) if digests.exists() else {}
    for name, (data, settings) in originals().items():
        path = HERE / f"{arzip.__version__}-{name}.arz"
        if not path.exists():
            path.write_bytes(arzip.compress(data, **settings))
            known[path.name] = hashlib.sha256(data).hexdigest()
    digests.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
