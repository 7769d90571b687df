"""Finds the data of a corpus: in the folder that ARZIP_CORPORA names, as the manifests in corpora/ describe.

A manifest corpora/<name>/manifest.toml says where the data comes from, under which licence, and the path at which it
lies below ARZIP_CORPORA; a corpus with `sample = "."` ships its (small) data beside the manifest.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from arzip.errors import UnsupportedInput

__all__ = ["corpus_folder", "manifest_of"]


def manifest_of(name: str) -> Path:
    """The manifest of a corpus; raises UnsupportedInput."""
    manifest = Path(__file__).resolve().parents[2] / "corpora" / name / "manifest.toml"
    if not manifest.is_file():
        raise UnsupportedInput(f"corpus {name!r}: neither a folder beside the recipe nor a manifest in corpora/")
    return manifest


def corpus_folder(name: str, beside: Path) -> Path:
    """The folder of a corpus: a path relative to the recipe's folder, or a name in corpora/.

    Raises UnsupportedInput that says what to set or to download.
    """
    if (beside / name).is_dir():
        return beside / name
    manifest = manifest_of(name)
    facts = tomllib.loads(manifest.read_text())
    if "sample" in facts:
        return manifest.parent / str(facts["sample"])
    root = os.environ.get("ARZIP_CORPORA")
    if not root:
        raise UnsupportedInput(
            f"corpus {name!r}: set ARZIP_CORPORA to the folder that holds {facts['path']} ({facts['origin']})"
        )
    folder = Path(root) / str(facts["path"])
    if not folder.is_dir():
        raise UnsupportedInput(f"corpus {name!r}: {folder} does not exist; {facts['origin']}")
    return folder
