"""A primer: the engine's laws hold with it, it helps, it survives its file, and archives that name it come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import arzip
from arzip.errors import CorruptArchive, ModelError
from arzip.given import Given
from arzip.mixing.byte_road import EngineModel, decode_bytes, encode_bytes
from arzip.mixing.byte_state import Primer
from arzip.mixing.mixer import WEIGHT_LIMIT
from arzip.mixing.priming import packed, prime, settle, unpacked
from arzip.primed import decode_primed, encode_primed
from arzip.roads import Bytes
from arzip.settings import Settings
from arzip.training.publish import train_and_publish
from tests.conftest import small_text_net
from tests.laws import check_causality, check_parity, check_road

WORDS = b"the cat of a mason had borrowed his kettle and never brought it back to any village where bread was".split()


def text(seed: int, size: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    words = b" ".join(WORDS[i] for i in random.integers(0, len(WORDS), size // 3 + 2))
    return np.frombuffer(words[:size], np.uint8).copy()


@pytest.fixture(scope="module")
def primer() -> Primer:
    return prime(text(1, 20_000), [text(seed, 600) for seed in range(2, 6)], bucket_bits=9, reading_bits=14)


@pytest.mark.parametrize("lanes", [1, 3])
def test_laws(primer: Primer, lanes: int) -> None:
    symbols = text(7, 700)
    model = EngineModel(lanes, primer)
    check_parity(model, symbols)
    check_road(model, symbols)
    payload, _ = encode_bytes(symbols, lanes=lanes, primer=primer)
    assert decode_bytes(payload, len(symbols), primer) == symbols.tobytes()


def test_causality(primer: Primer) -> None:
    symbols = text(7, 400)
    changed = symbols.copy()
    changed[300:] ^= 1
    check_causality(EngineModel(1, primer), symbols, changed, 8 * 300)


def test_it_helps_and_its_use_leaves_it_as_it_was(primer: Primer) -> None:
    before = {name: array.copy() for name, array in packed(primer).items()}
    symbols = text(8, 500)
    with_it, without = (len(encode_bytes(symbols, lanes=1, primer=p)[0]) for p in (primer, None))
    assert with_it < 0.7 * without
    assert all(np.array_equal(before[name], array) for name, array in packed(primer).items())


def test_judges_choose_what_is_kept() -> None:
    texts = text(1, 20_000)
    symbols = text(9, 500)
    judged = prime(texts, [text(seed, 600) for seed in range(2, 10)], bucket_bits=6, reading_bits=14)
    blind = prime(texts, [], bucket_bits=6, reading_bits=14)
    ideal = [encode_bytes(symbols, lanes=1, primer=p)[1] for p in (judged, blind)]
    assert ideal[0] < ideal[1]


def test_settling_suits_the_mixers_to_the_table(primer: Primer) -> None:
    settled = settle(primer, [text(seed, 400) for seed in range(20, 32)])
    assert np.array_equal(settled.slots, primer.slots) and not settled.beside_net.size
    ideal = [encode_bytes(text(9, 500), lanes=1, primer=p)[1] for p in (settled, primer)]
    assert ideal[0] < ideal[1]
    net = small_text_net().compiled()
    beside = settle(settled, [text(seed, 400) for seed in range(20, 32)], net)
    assert np.array_equal(beside.weights, settled.weights) and np.array_equal(beside.cells, settled.cells)
    ideal = [encode_bytes(text(9, 500), lanes=1, primer=p, net=net)[1] for p in (beside, settled)]
    assert ideal[0] < ideal[1]


def test_its_file(primer: Primer, tmp_path: Path) -> None:
    save_file(packed(primer), tmp_path / "weights.safetensors")
    tensors = load_file(tmp_path / "weights.safetensors")
    again = unpacked(tensors, bucket_bits=9)
    assert encode_bytes(text(8, 500), lanes=1, primer=again) == encode_bytes(text(8, 500), lanes=1, primer=primer)
    with pytest.raises(ModelError, match=r"2\^10"):
        unpacked(tensors, bucket_bits=10)
    wild = {**tensors, "weights": tensors["weights"].copy()}
    wild["weights"][3, 5] = WEIGHT_LIMIT + 2
    with pytest.raises(ModelError, match="range"):
        unpacked(wild, bucket_bits=9)


def test_a_recipe_makes_one(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/words.txt").write_bytes(b"\0".join(text(seed, 900).tobytes() for seed in range(90)))
    (tmp_path / "recipe.toml").write_text(
        'id = "words"\nnet = "primer"\ncorpus = "texts"\nseed = 1\n[architecture]\nbucket_bits = 8\n[data]\n'
        'longest = 800\nnets = []\n[data.megabytes]\n"words.txt" = 0.03\n[data.judges]\n"words.txt" = 2\n'
        '[data.settling]\n"words.txt" = 8\n'
    )
    line = train_and_publish(tmp_path / "recipe.toml", output=tmp_path / "words", runs=tmp_path / "runs", device="cpu")
    with_it, without = (float(line.split(before)[1].split()[0]) for before in ("at ", "bits/byte, "))
    assert with_it < without
    data = text(95, 400).tobytes()
    archive = arzip.compress(data, model=str(tmp_path / "words"))
    assert arzip.decompress(archive, model=str(tmp_path / "words")) == data


ENGLISH = b"It was a bright afternoon, and the children had gone down to the river with their father. " * 2


def test_archives_take_it_where_it_helps() -> None:
    primed, plain = arzip.compress(ENGLISH), arzip.compress(ENGLISH, level=1)
    assert arzip.decompress(primed) == arzip.decompress(plain) == ENGLISH
    assert len(primed) < 0.8 * len(plain)
    long = ENGLISH + bytes(np.random.default_rng(3).integers(0, 7, 40_000, np.uint8))
    assert arzip.decompress(arzip.compress(long)) == long


def test_a_foreign_primer_is_refused() -> None:
    payload, _, label = encode_primed(np.frombuffer(ENGLISH, np.uint8), Given.PRIMER, lanes=1)
    assert label == "text-6" and decode_primed(payload, len(ENGLISH), Given.PRIMER) == ENGLISH
    with pytest.raises(CorruptArchive, match="model"):
        decode_primed(b"\xfa" + payload[1:], len(ENGLISH), Given.PRIMER)
    with pytest.raises(ModelError, match="other weights"):
        decode_primed(payload[:1] + bytes([payload[1] ^ 1]) + payload[2:], len(ENGLISH), Given.PRIMER)


@pytest.mark.parametrize(("level", "label"), [(3, "text-6"), (5, "text-6 text-s-4")])
def test_costs_add_up(level: int, label: str) -> None:
    road = Bytes(Settings(level=level))
    block = np.frombuffer(ENGLISH, np.uint8)
    coded = road.encode(block)
    assert coded.label == label
    assert road.costs(coded.road, block).sum() == pytest.approx(coded.ideal_bits)
