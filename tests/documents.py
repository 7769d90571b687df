"""Documents as offices, servers and publishers write them, made from the project's own text; the same on every run.

Only what deflates them depends on the zlib at hand, and re-creation does not care.
"""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

__all__ = ["DOCUMENTS"]

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ("README.md", "LICENSE", "docs/exactness.md")
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DATE = (2024, 5, 17, 12, 0, 0)


def paragraphs() -> list[str]:
    """The paragraphs of the project's texts."""
    return [p for name in TEXTS for p in (ROOT / name).read_text(encoding="utf-8").split("\n\n") if p.strip()]


def photograph(seed: int, side: int = 64) -> bytes:
    """A PNG of a smooth noisy picture."""
    dice = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    base = 128 + 60 * np.sin(x / 11 + seed) + 50 * np.cos(y / 17)
    pixels = np.clip(base[..., None] + 15 * np.arange(3) + dice.normal(0, 1.5, (side, side, 3)), 0, 255).astype(
        np.uint8
    )
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue()


def zipped(members: list[tuple[str, bytes, int]]) -> bytes:
    """A ZIP file of (name, contents, method), level 6."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, contents, method in members:
            archive.writestr(zipfile.ZipInfo(name, DATE), contents, method, 6)
    return out.getvalue()


def docx() -> bytes:
    """A text document with two pictures, one deflated, one stored."""
    runs = "".join(f'<w:p><w:r><w:t xml:space="preserve">{escape(p)}</w:t></w:r></w:p>' for p in paragraphs())
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{n}"><w:name w:val="heading {n}"/>'
        f'<w:rPr><w:sz w:val="{40 - n}"/></w:rPr></w:style>'
        for n in range(1, 30)
    )
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    members = {
        "[Content_Types].xml": '<Types><Default Extension="png" ContentType="image/png"/></Types>',
        "_rels/.rels": '<Relationships><Relationship Id="rId1" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{runs}</w:body></w:document>',
        "word/styles.xml": f'<w:styles xmlns:w="{WORD}">{styles}</w:styles>',
        "word/settings.xml": f'<w:settings xmlns:w="{WORD}"><w:zoom w:percent="100"/></w:settings>',
    }
    packed = [(name, (head + body).encode(), zipfile.ZIP_DEFLATED) for name, body in members.items()]
    packed.append(("word/media/image1.png", photograph(1), zipfile.ZIP_DEFLATED))
    packed.append(("word/media/image2.png", photograph(2), zipfile.ZIP_STORED))
    return zipped(packed)


def xlsx() -> bytes:
    """Three sheets of measurements."""
    dice = random.Random(3)
    packed = [("[Content_Types].xml", b'<?xml version="1.0"?><Types/>', zipfile.ZIP_DEFLATED)]
    for sheet in range(1, 4):
        rows = []
        for row in range(1, 700):
            values = (row, 20 + dice.gauss(0, 3), dice.choice((0, 1)), 1000 * sheet + row // 7)
            cells = "".join(
                f'<c r="{"ABCD"[column]}{row}"><v>{round(value, 2)}</v></c>' for column, value in enumerate(values)
            )
            rows.append(f'<row r="{row}" spans="1:4">{cells}</row>')
        body = f'<worksheet xmlns="{SHEET}"><sheetData>{"".join(rows)}</sheetData></worksheet>'
        packed.append((f"xl/worksheets/sheet{sheet}.xml", body.encode(), zipfile.ZIP_DEFLATED))
    return zipped(packed)


def epub() -> bytes:
    """A book of twelve chapters with a cover."""
    packed = [("mimetype", b"application/epub+zip", zipfile.ZIP_STORED)]
    texts = paragraphs()
    for chapter in range(12):
        body = "\n".join(f"<p>{escape(p)}</p>" for p in texts[chapter::12])
        page = f'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>\n'
        packed.append((f"OEBPS/chapter{chapter}.xhtml", page.encode(), zipfile.ZIP_DEFLATED))
    packed.append(("OEBPS/cover.png", photograph(4, 80), zipfile.ZIP_STORED))
    return zipped(packed)


def tar_gz() -> bytes:
    """The sources of the formats, with a picture and a ZIP file among them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        files = {p.name: p.read_bytes() for p in sorted((ROOT / "arzip" / "formats").glob("*.py"))}
        for name, contents in {**files, "picture.png": photograph(5), "sheet.xlsx": xlsx()}.items():
            info = tarfile.TarInfo(f"formats/{name}")
            info.size, info.mtime = len(contents), 1_700_000_000
            archive.addfile(info, io.BytesIO(contents))
    return gzip.compress(out.getvalue(), 6, mtime=1_700_000_000)


def log_gz() -> bytes:
    """A web server's log of a day."""
    dice, lines = random.Random(7), []
    pages = [f"/{name.lower()}/{n}.html" for name in ("Docs", "Blog", "Shop") for n in range(20)]
    for second in range(0, 86_400, 30):
        hours, rest = divmod(second, 3600)
        stamp = f"17/May/2024:{hours:02}:{rest // 60:02}:{rest % 60:02} +0000"
        address = f"10.{dice.randrange(4)}.{dice.randrange(30)}.{dice.randrange(1, 255)}"
        status = dice.choice((200, 200, 200, 304, 404))
        lines.append(
            f'{address} - - [{stamp}] "GET {dice.choice(pages)} HTTP/1.1" {status} {dice.randrange(200, 9000)}'
        )
    return gzip.compress("\n".join(lines).encode(), 9, mtime=1_715_900_000)


DOCUMENTS = {"docx": docx, "xlsx": xlsx, "epub": epub, "tar.gz": tar_gz, "log.gz": log_gz}
