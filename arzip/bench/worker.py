"""A process that runs one tool: jobs come as JSON lines, what was measured goes back the same way.

A process of its own keeps a tool's crash away from the others, and lets its peak memory be told from theirs. Times are
those of coding and decoding alone: the interpreter, modules and compiled code are loaded before. A job names the tool,
the settings of arzip, and the file that holds what the tool takes:

    {"tool": "xz -9e", "medium": PATH}          {"tool": "arzip", "kind": "image", "settings": {...}, "medium": PATH}
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arzip.bench.peers import BINDINGS, Peer
from arzip.bench.programs import PROGRAMS
from arzip.bench.sound import Sound, wav_of_sound

if TYPE_CHECKING:
    from arzip.settings import Settings

__all__ = ["ARZIP", "read_medium", "write_medium"]

ARZIP = "arzip"  # the tool's name in jobs
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def write_medium(takes: str, medium: Any, path: Path) -> None:
    """Writes what tools of a kind take, for another process."""
    if takes == "file":
        path.write_bytes(medium)
    elif takes == "image":
        with path.open("wb") as file:
            np.save(file, medium)
    else:
        with path.open("wb") as file:
            np.savez(file, samples=medium.samples, depth=medium.depth, rate=medium.rate)


def read_medium(takes: str, path: Path) -> Any:
    """The inverse of `write_medium`."""
    if takes == "file":
        return path.read_bytes()
    if takes == "image":
        return np.load(path)
    with np.load(path) as held:
        return Sound(held["samples"], int(held["depth"]), int(held["rate"]))


def _same(back: Any, given: Any) -> bool:
    if isinstance(given, Sound):
        return isinstance(back, Sound) and back.rate == given.rate and np.array_equal(back.samples, given.samples)
    if isinstance(given, bytes):
        return bool(back == given)
    back = np.asarray(back)
    return back.size == given.size and np.array_equal(back.reshape(given.shape), given)


def _measured(code: Callable[[Any], bytes], decode: Callable[[bytes], Any], given: Any, who: int) -> dict[str, Any]:
    """Size, wall and processor seconds of both ways, and peak MiB; `remark` says what went wrong."""
    try:
        _forget_peak()
        marks = [_now()]
        coded = code(given)
        marks.append(_now())
        back = decode(coded)
        marks.append(_now())
    except Exception as error:  # a tool may fail in any way; that is its row
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return {"remark": f"failed: {first}"}
    if not _same(back, given):
        return {"remark": "failed: decodes to something else"}
    wall, cpu = np.diff(np.array(marks), axis=0).T
    facts = {"encode": wall[0], "decode": wall[1], "encode_cpu": cpu[0], "decode_cpu": cpu[1], "peak_mib": _peak(who)}
    return {"bytes": len(coded), **{name: round(float(value), 6) for name, value in facts.items()}, "remark": ""}


def _now() -> tuple[float, float]:
    """Seconds on the wall, and of the processors for this process and its children."""
    used = os.times()
    return time.perf_counter(), time.process_time() + used.children_user + used.children_system


def _forget_peak() -> None:
    try:
        _RESET.write_text("5")
    except OSError:  # elsewhere than on Linux the peak is that of the process so far
        return


def _peak(who: int) -> float:
    """Peak MiB of this process since `_forget_peak`, or of the programs that it ran."""
    if who == resource.RUSAGE_SELF and _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(who).ru_maxrss * unit / (1 << 20)


def _peer_job(peer: Peer, job: dict[str, Any]) -> dict[str, Any]:
    if not peer.installed:
        return {"remark": "not installed"}
    if not peer.is_program:
        _warm(peer.code, peer.decode, peer.takes)
    given = read_medium(peer.takes, Path(job["medium"]))
    return _measured(
        peer.code, peer.decode, given, resource.RUSAGE_CHILDREN if peer.is_program else resource.RUSAGE_SELF
    )


def _warm(code: Callable[[Any], bytes], decode: Callable[[bytes], Any], takes: str) -> None:
    """Loads a binding's code with something small."""
    small = {"file": b"warm", "image": np.zeros((8, 8, 3), np.uint8), "audio": Sound(np.zeros((64, 1), np.int16), 16)}
    try:
        decode(code(small[takes]))
    except Exception:  # what is wrong will be seen, and told, on the file itself
        return


class _Arzip:
    """arzip as a tool, its kernels loaded by a small file of a kind before the first large one."""

    def __init__(self) -> None:
        self._warmed: set[str] = set()

    def job(self, job: dict[str, Any]) -> dict[str, Any]:
        from arzip.settings import Settings

        settings = Settings(**job["settings"])
        key = json.dumps([job["kind"], job["settings"]])
        if key not in self._warmed:
            self._warmed.add(key)
            for each in (settings, replace(settings, adapt=False)):
                _arzip_job(_small_file(job["kind"]), each)
        return _arzip_job(Path(job["medium"]).read_bytes(), settings)


def _small_file(kind: str) -> bytes:
    """Something small that takes the same road as files of a kind."""
    ramp = np.arange(3072, dtype=np.int16)
    if kind == "image":
        return b"P6\n32 32\n255\n" + bytes(ramp.astype(np.uint8))
    return wav_of_sound(Sound(ramp.reshape(-1, 2), 16)) if kind == "audio" else b"warm " * 200


def _arzip_job(given: bytes, settings: Settings) -> dict[str, Any]:
    from arzip.archive import compress_stream, decompress_stream

    roads: dict[str, int] = {}

    def code(data: bytes) -> bytes:
        out = io.BytesIO()
        roads.update(compress_stream(io.BytesIO(data), out, settings).roads)
        return out.getvalue()

    def decode(data: bytes) -> bytes:
        out = io.BytesIO()
        decompress_stream(io.BytesIO(data), out, settings)
        return out.getvalue()

    result = _measured(code, decode, given, resource.RUSAGE_SELF)
    return {**result, "road": max(roads, key=lambda name: roads[name], default="")}


def main() -> None:
    """Answers jobs until standard input ends. What tools print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peers = {peer.name: peer for peer in (*BINDINGS, *PROGRAMS)}
    ours = _Arzip()
    for line in sys.stdin:
        job = json.loads(line)
        result = ours.job(job) if job["tool"] == ARZIP else _peer_job(peers[job["tool"]], job)
        answers.write(json.dumps(result) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
