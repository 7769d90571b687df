"""Pixels only: any picture that Pillow reads, as a plain PNG of the same samples and colour profile.

What `--pixels` compresses instead of the file. The PNG is then kept byte for byte like any other; everything else that
the file held (its own compression, dates, thumbnails, text) is given up, and the user is told.
"""

from __future__ import annotations

import io

from arzip.errors import UnsupportedInput

__all__ = ["plain_png"]

_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def plain_png(data: bytes) -> bytes:
    """A PNG of a picture's first frame; raises UnsupportedInput for what is no picture or does not fit a PNG."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            if picture.mode not in _MODES:
                raise UnsupportedInput(f"samples of mode {picture.mode} do not fit a PNG; leave --pixels out")
            out = io.BytesIO()
            picture.save(out, "PNG", compress_level=1, icc_profile=picture.info.get("icc_profile"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnsupportedInput(f"--pixels: not a picture that can be read ({error})") from error
    return out.getvalue()
