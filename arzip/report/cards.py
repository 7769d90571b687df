"""Models' cards as HTML: the few things of Markdown that cards use, and nothing else.

Headings, paragraphs, lists, tables, code spans and links; all else is text. What a card says is escaped first.
"""

from __future__ import annotations

import html
import re

__all__ = ["card_html"]


def card_html(markdown: str) -> str:
    """The card without its title."""
    blocks = re.split(r"\n\s*\n", markdown.strip())
    return "\n".join(_block(block) for block in blocks if not block.startswith("# "))


def _block(block: str) -> str:
    lines = block.splitlines()
    if heading := re.match(r"#{2,4} (.*)", lines[0]):
        rest = _block("\n".join(lines[1:])) if lines[1:] else ""
        return f"<h5>{_inline(heading[1])}</h5>{rest}"
    if lines[0].startswith("|"):
        return _table(lines)
    if all(re.match(r"[-*] |  ", line) for line in lines):
        items = re.split(r"\n[-*] ", "\n" + block)[1:]
        return "<ul>" + "".join(f"<li>{_inline(' '.join(item.split()))}</li>" for item in items) + "</ul>"
    if lines[0].startswith("```"):
        return f"<pre>{html.escape(chr(10).join(lines[1:-1]))}</pre>"
    return f"<p>{_inline(' '.join(lines))}</p>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    head = "".join(f"<th scope=col>{_inline(cell)}</th>" for cell in rows[0]) if any(rows[0]) else ""
    body = "".join("<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>" for row in rows[2:])
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    table = f"<table>{head}<tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="figures of the card">{table}</div>'


def _inline(text: str) -> str:
    text = html.escape(text)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"\[([^\]]+)\]\((https?://[^)\s]+)\)", r'<a href="\2">\1</a>', text)
