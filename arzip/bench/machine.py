"""The machine and the versions that figures were measured with."""

from __future__ import annotations

import os
import platform
import zlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from arzip import __version__
from arzip.bench.programs import PROGRAMS

__all__ = ["machine", "versions"]

_PACKAGES = (
    "torch", "constriction", "numpy", "numba", "pillow",
    "zstandard", "brotli", "pyppmd", "imagecodecs", "soundfile",
)  # fmt: skip


def machine() -> dict[str, str]:
    """Processor, cores, memory, system; what cannot be told is left out."""
    facts = {"processor": _processor(), "cores": str(os.cpu_count() or ""), "system": platform.system()}
    try:
        facts["memory"] = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.0f} GiB"
    except (ValueError, OSError):
        facts["memory"] = ""
    return {name: value for name, value in facts.items() if value}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Versions of arzip, Python, and the libraries that code."""
    facts = {"arzip": __version__, "python": platform.python_version(), "zlib": zlib.ZLIB_RUNTIME_VERSION}
    for name in _PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            continue
    absent = [peer.needs for peer in PROGRAMS if not peer.installed]
    return {**facts, "programs not on the PATH": " ".join(absent)} if absent else facts
