"""One stream per model through every instruction set, thread count and engine: one digest.

oneDNN reads ONEDNN_MAX_CPU_ISA when torch is loaded, numba its target processor: every combination is a process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ISAS = ["", "AVX512_CORE", "AVX2", "SSE41"]
SCRIPT = """
import hashlib, sys
import numpy as np, torch
from arzip.coding.drive import encode_symbols
from arzip.exact.engine import Engine
from arzip.mixing.byte_road import EngineModel
from arzip.mixing.drawing_road import encode_drawing
from arzip.mixing.priming import prime
from arzip.nets.char_rnn import TextModel
from arzip.nets.guided_model import GuidedModel
from arzip.nets.picture_model import PictureModel
from arzip.pictures import encode_picture
from tests.conftest import small_guided_net, small_net, small_text_net
kind, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
random = np.random.default_rng(7)
ramp = np.add.outer(np.arange(40) * 3, np.arange(56))[..., None]
pixels = (ramp + random.integers(0, 40, (40, 56, 3))).astype(np.uint8)
net = small_net()
net.place(Engine(kind, "cpu"))
words = encode_symbols(PictureModel(net), pixels).words
guided = small_guided_net()
guided.place(Engine(kind, "cpu"))
words += encode_symbols(GuidedModel(guided), pixels).words
words += encode_picture(pixels, 8, profile=1, net=guided.compiled())[0]
words += encode_picture(pixels, 8, profile=2, net=None)[0]
words += encode_picture(pixels, 8, profile=1, net=guided.compiled(), pace=1)[0]
words += encode_drawing(pixels // 40 * 40, 8)[0]
text = np.frombuffer(b"the exact net knows no float, " * 40, np.uint8)
words += encode_symbols(EngineModel(3), text).words
reader = small_text_net(kind)
words += encode_symbols(EngineModel(2, None, reader.compiled()), text).words
words += encode_symbols(EngineModel(1, None, reader.compiled(), True), text).words
primer = prime(text[:600], [text[300:900]], bucket_bits=6, reading_bits=8)
words += encode_symbols(EngineModel(1, primer, reader.compiled()), text).words
words += encode_symbols(TextModel(reader), text).words
print(hashlib.sha256(words).hexdigest())
"""


def run(isa: str, kind: str, threads: int, **more: str) -> str:
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": str(threads), **more}
    environment.pop("ONEDNN_MAX_CPU_ISA", None)
    if isa:
        environment["ONEDNN_MAX_CPU_ISA"] = isa
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, str(threads)], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_two_engines_one_digest() -> None:
    assert run("", "fp32", 2) == run("AVX2", "int8", 1) == DIGEST


@pytest.mark.slow
@pytest.mark.parametrize("isa", ISAS)
def test_every_machine_one_digest(isa: str) -> None:
    assert {run(isa, kind, threads) for kind in ("fp32", "int8") for threads in (1, 2)} == {DIGEST}


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["generic", "nehalem", "haswell"])
def test_compiled_for_any_processor_one_digest(processor: str, tmp_path: Path) -> None:
    more = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    assert run("", "fp32", 1, **more) == DIGEST


# What every machine must print. The byte engine's part changes when its model does (before a version is tagged).
DIGEST = "a7d217761a4a324e006153cd5349a0521925b7da2b73297f17c91e8757c893c0"
