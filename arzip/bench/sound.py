"""Recordings as the audio peers take them: samples, their depth and rate, and the WAV file that says the same."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.errors import UnsupportedInput

__all__ = ["Sound", "rate_of", "sound_of_wav", "wav_of_sound"]

_USUAL_RATE = 44100  # where a file does not say
_HEADER, _WAV_RATE = 1 << 16, 12  # where a WAV file's description is looked for, and its rate within
_FLAC_RATE = 21  # where the 20 bits of the rate in a FLAC file's first block end, rounded up to bytes


@dataclass(frozen=True)
class Sound:
    """Samples [T, C] of `depth` bits, signed, `rate` a second."""

    samples: NDArray[Any]
    depth: int
    rate: int = _USUAL_RATE


def wav_of_sound(sound: Sound) -> bytes:
    """A plain WAV file; depths are rounded up to whole bytes."""
    width = -(-sound.depth // 8)
    samples = sound.samples.astype("<i4")
    if width == 1:  # WAV holds one byte as unsigned
        samples = samples + 128
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(sound.rate)
        file.writeframes(np.ascontiguousarray(samples).view(np.uint8).reshape(-1, 4)[:, :width].tobytes())
    return out.getvalue()


def sound_of_wav(data: bytes) -> Sound:
    """The inverse of `wav_of_sound`; raises UnsupportedInput for what is no PCM WAV file."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise UnsupportedInput(f"no PCM WAV file: {error}") from error
    wide = np.zeros((len(frames) // width, 4), dtype=np.uint8)
    wide[:, 4 - width :] = np.frombuffer(frames, np.uint8)[: len(wide) * width].reshape(-1, width)
    samples = wide.view("<i4")[:, 0] >> (32 - 8 * width)
    if width == 1:
        samples = (samples & 0xFF) - 128
    return Sound(samples.reshape(-1, channels), 8 * width, rate)


def rate_of(data: bytes) -> int:
    """Samples a second of a WAV or FLAC file; the usual rate where that cannot be read."""
    if data[:4] == b"fLaC" and len(data) > _FLAC_RATE:
        return int.from_bytes(data[_FLAC_RATE - 3 : _FLAC_RATE], "big") >> 4
    at = data.find(b"fmt ", 12, _HEADER) + _WAV_RATE
    if data[8:12] != b"WAVE" or at < 12 + _WAV_RATE or len(data) < at + 4:
        return _USUAL_RATE
    return int.from_bytes(data[at : at + 4], "little") or _USUAL_RATE
