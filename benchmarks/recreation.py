"""What re-creating deflate streams costs, writer by writer: side data after coding, in % of the data they stand for.

    python benchmarks/recreation.py FILE... [--writers NAME,...] [--json OUT]

A picture's overhead is the coded side data of its PNG file over the bytes of its pixels, chunks and filters included;
any other file is deflated whole and counted over its own bytes. Every stream is re-created and compared. Writers come
from the registry: `pip install zlib-ng deflate zopfli pyoxipng cramjam isal imagecodecs`, and from the distribution:
optipng, zopfli (zopflipng), advancecomp, pngcrush, pigz, p7zip-full. What is not installed is left out.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import resource
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from arzip.formats import gzip, png
from arzip.formats.base import Parsed
from arzip.formats.png_rows import CHANNELS, Layout, filter_rows, predict_filters, split_passes
from arzip.roads import pack_side
from arzip.settings import Settings

SETTINGS = Settings(threads=1)
HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
Deflate = Callable[[bytes], bytes]  # plain bytes to a raw deflate stream
Rewrite = Callable[[bytes], bytes]  # a PNG file to a PNG file


def zlib_at(level: int, strategy: int = zlib.Z_DEFAULT_STRATEGY, memory: int = 8, window: int = 15) -> Deflate:
    def deflate(data: bytes) -> bytes:
        encoder = zlib.compressobj(level, zlib.DEFLATED, -window, memory, strategy)
        return encoder.compress(data) + encoder.flush()

    return deflate


def stream_writers() -> dict[str, Deflate]:
    """Every writer of bare streams that is installed."""
    found: dict[str, Deflate] = {f"zlib {level}": zlib_at(level) for level in range(1, 10)}
    names = {"filtered": zlib.Z_FILTERED, "huffman": zlib.Z_HUFFMAN_ONLY, "rle": zlib.Z_RLE, "fixed": zlib.Z_FIXED}
    found |= {f"zlib 6 {name}": zlib_at(6, strategy) for name, strategy in names.items()}
    found |= {"zlib 9 memory 9": zlib_at(9, memory=9), "zlib 6 window 12": zlib_at(6, window=12)}
    found |= zlib_likes()
    try:
        import zopfli.zlib as zopfli

        found["zopfli 15"] = lambda data: zopfli.compress(data)[2:-4]
    except ImportError:
        pass
    for name, command in {
        "pigz 6": "pigz -6 -n -c",
        "pigz 9, 4 threads": "pigz -9 -n -p 4 -c",
        "gzip 6": "gzip -6 -n -c",
        "gzip 9": "gzip -9 -n -c",
        "7-Zip 5": "7z a -tgzip -mx5 -si -so x.gz",
        "7-Zip 9": "7z a -tgzip -mx9 -si -so x.gz",
    }.items():
        if exists(command):
            found[name] = gzip_program(command)
    return found


def zlib_likes() -> dict[str, Deflate]:
    """Libraries with levels of their own."""
    found: dict[str, Deflate] = {}
    try:
        from zlib_ng import zlib_ng

        for level in range(1, 10):
            found[f"zlib-ng {level}"] = lambda data, level=level: zlib_ng.compress(data, level, -15)
    except ImportError:
        pass
    try:
        import deflate as libdeflate

        for level in range(1, 13):
            found[f"libdeflate {level}"] = lambda data, level=level: bytes(libdeflate.deflate_compress(data, level))
    except ImportError:
        pass
    try:
        import cramjam

        for level in (1, 6, 9):
            found[f"miniz (oxide) {level}"] = lambda data, level=level: bytes(cramjam.deflate.compress(data, level))
    except ImportError:
        pass
    try:
        from isal import isal_zlib

        for level in (0, 1, 2, 3):
            found[f"ISA-L {level}"] = lambda data, level=level: isal_zlib.compress(data, level, -15)
    except ImportError:
        pass
    return found


def exists(command: str) -> bool:
    return subprocess.run(["which", command.split()[0]], capture_output=True, check=False).returncode == 0


def gzip_program(command: str) -> Deflate:
    """A program from standard input to a gzip file on standard output."""

    def deflate(data: bytes) -> bytes:
        out = subprocess.run(command.split(), input=data, capture_output=True, check=True).stdout
        start = gzip._header_end(out, 0)
        assert start is not None
        return out[start:-8]

    return deflate


def picture_writers() -> dict[str, Rewrite]:
    """Programs that write a PNG file of their own, filters included."""
    found: dict[str, Rewrite] = {}
    found["Pillow"] = lambda data: repainted(data, {})
    found["Pillow, optimize"] = lambda data: repainted(data, {"optimize": True})
    try:
        import oxipng

        for level in (0, 2, 4, 6):
            found[f"oxipng {level}"] = lambda data, level=level: oxipng.optimize_from_memory(data, level=level)
        zopfli = {"deflate": oxipng.Deflaters.zopfli(15)}
        found["oxipng --zopfli"] = lambda data: oxipng.optimize_from_memory(data, level=2, **zopfli)
    except ImportError:
        pass
    try:
        import imagecodecs

        found["imagecodecs (libpng)"] = lambda data: bytes(imagecodecs.png_encode(pixels(data)))
        found["libspng"] = lambda data: bytes(imagecodecs.spng_encode(pixels(data)))
    except ImportError:
        pass
    try:
        import fpng

        found["fpng"] = lambda data: bytes(fpng.from_ndarray(coloured(data)))
    except ImportError:
        pass
    for name, command in {
        "optipng -o2": "optipng -quiet -force -o2 IN -out OUT",
        "pngcrush": "pngcrush -s IN OUT",
        "zopflipng": "zopflipng -y IN OUT",
        "advpng -2": "advpng -z -2 -q OUT",
        "advpng -3 (7-Zip)": "advpng -z -3 -q OUT",
    }.items():
        if exists(command):
            found[name] = picture_program(command)
    return found


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB" if picture.mode == "P" else picture.mode))


def coloured(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.ascontiguousarray(picture.convert("RGB"))


def repainted(data: bytes, options: dict[str, object]) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.save(out, "png", **options)
    return out.getvalue()


def picture_program(command: str) -> Rewrite:
    def rewrite(data: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "in.png"), Path(folder, "out.png")
            source.write_bytes(data)
            if "IN" not in command.split():
                target.write_bytes(data)
            words = [{"IN": str(source), "OUT": str(target)}.get(word, word) for word in command.split()]
            subprocess.run(words, capture_output=True, check=True)
            return target.read_bytes()

    return rewrite


def chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


def with_stream(data: bytes, deflate: Deflate) -> bytes:
    """A PNG file of the same pixels, filters by least sum, with `deflate`'s stream in IDAT chunks of 8 KiB."""
    header = data[16:29]
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    layout = Layout(width, height, header[8], CHANNELS[header[9]], bool(header[12]))
    rows = split_passes(png.parse(data).parts[0].array, layout)
    filters = [np.zeros(len(part), np.uint8) for part in rows]
    if header[9] != 3:
        for part, kinds in zip(rows, filters, strict=True):
            predict_filters(part, layout.channels * layout.depth // 8, np.arange(5), kinds)
    raw = filter_rows(rows, filters, layout)
    stream = b"\x78\x9c" + deflate(raw) + zlib.adler32(raw).to_bytes(4, "big")
    idat = b"".join(chunk(b"IDAT", stream[at : at + 8192]) for at in range(0, len(stream), 8192))
    palette = chunk(b"PLTE", bytes(3 << header[8])) if header[9] == 3 else b""
    return png.SIGNATURE + chunk(b"IHDR", header) + palette + idat + chunk(b"IEND", b"")


def overhead(module: object, data: bytes) -> tuple[int, int, float, float]:
    """(coded side data, plain bytes, processor seconds of parse, of build); raises SystemExit unless byte-exact."""
    started = processor()
    parsed: Parsed = module.parse(data)  # type: ignore[attr-defined]
    between = processor()
    if module.build(parsed) != data:  # type: ignore[attr-defined]
        raise SystemExit("a file came back with other bytes")
    ended = processor()
    plain = sum(part.array.nbytes for part in parsed.parts)
    return len(pack_side(parsed.side, SETTINGS)), plain, between - started, ended - between


def processor() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def measured(name: str, files: Iterable[tuple[object, bytes]]) -> dict[str, object]:
    """One row: the sums over all files."""
    rows = [overhead(module, data) for module, data in files]
    side, plain, parse, build = (sum(column) for column in zip(*rows, strict=True))
    row = {"writer": name, "side": side, "plain": plain, "overhead": round(100 * side / plain, 4)}
    row |= {"parse": round(plain / 1e6 / parse, 2), "build": round(plain / 1e6 / build, 2)}
    print(f"{name:24}{side:>10}{plain:>12}{row['overhead']:>11.4f} %{row['parse']:>10}{row['build']:>10}", flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--writers", help="only those whose names contain one of these, separated by commas")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    contents = [file.read_bytes() for file in given.files]
    pictures, others = [d for d in contents if png.sniff(d)], [d for d in contents if not png.sniff(d)]
    wanted = given.writers.split(",") if given.writers else [""]
    rows = []
    if pictures:
        measured("(compiling)", [(png, with_stream(pictures[0], zlib_at(6)))])
    print(f"{'writer':24}{'side':>10}{'plain':>12}{'overhead':>13}{'parse':>10}{'build MB/s':>10}")
    for name, deflate in stream_writers().items():
        if any(word in name for word in wanted):
            files = [(png, with_stream(data, deflate)) for data in pictures]
            files += [(gzip, gzipped(data, deflate)) for data in others]
            rows.append(measured(name, files))
    for name, rewrite in picture_writers().items() if pictures else ():
        if any(word in name for word in wanted):
            rows.append(measured(name, [(png, rewrite(data)) for data in pictures]))
    if given.json:
        machine = {"machine": platform.processor() or platform.machine(), "python": platform.python_version()}
        given.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


def gzipped(data: bytes, deflate: Deflate) -> bytes:
    trailer = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return HEADER + deflate(data) + trailer


if __name__ == "__main__":
    main()
