"""Rates of real files: every file is compressed, decoded, compared, then counted. Prints a table, writes JSON.

    python benchmarks/rates.py FILE|FOLDER... [--level N] [--no-adapt] [--pnm] [--wav] [--threads N] [--json OUT]

--pnm measures pictures as the PNM files of their pixels, so that only the picture model counts; --wav measures sound as
WAV files of its samples, at their own depth.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import resource
from pathlib import Path

from PIL import Image

from arzip import __version__
from arzip.archive import compress_stream, decompress_stream
from arzip.settings import Settings


def contents(path: Path, as_pnm: bool, as_wav: bool) -> bytes:
    """The file's bytes, or the PNM file of a picture's pixels, or the WAV file of a sound's samples."""
    if as_wav:
        return wav_of(path)
    if not as_pnm:
        return path.read_bytes()
    with Image.open(path) as picture:
        pixels = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    kind = "P5" if pixels.mode == "L" else "P6"
    return f"{kind}\n{pixels.width} {pixels.height}\n255\n".encode() + pixels.tobytes()


def wav_of(path: Path) -> bytes:
    """What libsndfile makes of any file it reads, as WAV at the same depth."""
    import soundfile

    samples, rate = soundfile.read(path, dtype="int32", always_2d=True)
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format="WAV", subtype=soundfile.info(path).subtype)
    return out.getvalue()


def inside(folder: Path) -> list[Path]:
    """All files of a folder but what describes it."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".csv", ".md"))


def measure(path: Path, data: bytes, settings: Settings) -> dict[str, object]:
    """One row; raises SystemExit when the decoded bytes differ."""
    coded, back = io.BytesIO(), io.BytesIO()
    made = compress_stream(io.BytesIO(data), coded, settings)
    coded.seek(0)
    restored = decompress_stream(coded, back, settings)
    if back.getvalue() != data:
        raise SystemExit(f"{path}: decoded to other bytes")
    return {
        "file": f"{path.parent.name}/{path.name}",
        "bytes_in": made.bytes_in,
        "bytes_out": made.bytes_out,
        "dims": made.dims,
        "model_bits": round(made.ideal_bits, 1),
        "model": made.model,
        "encode": round(made.seconds, 2),
        "decode": round(restored.seconds, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--level", type=int, default=5)
    parser.add_argument("--model")
    parser.add_argument("--no-adapt", dest="adapt", action="store_false")
    parser.add_argument("--pnm", action="store_true")
    parser.add_argument("--wav", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    settings = Settings(level=given.level, model=given.model, adapt=given.adapt, threads=given.threads)
    files = [f for p in given.paths for f in (inside(p) if p.is_dir() else [p])]
    rows = []
    print(f"{'file':40}{'bytes':>12}{'archive':>12}{'bits/dim':>10}{'model':>9}{'enc s':>8}{'dec s':>8}")
    for file in files:
        row = measure(file, contents(file, given.pnm, given.wav), settings)
        rows.append(row)
        show(row)
    total = {
        key: sum(row[key] for row in rows)
        for key in ("bytes_in", "bytes_out", "dims", "model_bits", "encode", "decode")
    }
    show({"file": f"all {len(rows)}", **total})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory {peak} MiB")
    if given.json:
        machine = {"machine": platform.processor() or platform.machine(), "python": platform.python_version()}
        result = {"arzip": __version__, **machine, "peak_mib": peak, "rows": rows, "total": total}
        given.json.write_text(json.dumps(result, indent=1) + "\n")


def show(row: dict[str, object]) -> None:
    """One line of the table."""
    rate, model = 8 * row["bytes_out"] / max(row["dims"], 1), row["model_bits"] / max(row["dims"], 1)
    sizes = f"{row['bytes_in']:>12,}{row['bytes_out']:>12,}"
    print(f"{row['file']:40}{sizes}{rate:>10.4f}{model:>9.4f}{row['encode']:>8.1f}{row['decode']:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
