"""HTML page: a file for a browser that needs no network and no script."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 76rem; margin: 2rem auto;
  padding: 0 1.5rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .7rem; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #888; }
.scroll { max-height: 26rem; overflow: auto; }
figure { margin: 1rem 0; }
figcaption { font-weight: 600; font-size: 13px; }
figure svg { max-width: 100%; height: auto; }
.holds { color: #006b4f; } .fails { color: #a33c00; font-weight: 600; } .unknown { color: #666; }
.note { color: #555; }
"""
SCROLLS = 20  # rows from which a table gets its own scroll bar


def page(title: str, parts: Iterable[str]) -> str:
    """Return a whole page of parts that are HTML already, below its title."""
    head = f'<head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head>'
    body = f"<body><h1>{escape(title)}</h1>{''.join(parts)}</body>"
    return f'<!doctype html><html lang="en">{head}{body}</html>\n'


def table(header: Iterable[str], rows: Iterable[Iterable[str]], scrolls: bool = True) -> str:
    """Return a table of cells that are HTML already; one that is long scrolls by itself if it may."""
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    whole = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class='scroll'>{whole}</div>" if scrolls and len(lines) > SCROLLS else whole


def paragraph(text: str, note: bool = False) -> str:
    """Return a paragraph; a note is what a reader may pass over."""
    return f"<p class='note'>{escape(text)}</p>" if note else f"<p>{escape(text)}</p>"


def figure(svg: str, caption: str = "") -> str:
    """Return drawings with what they show."""
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{words}{svg}</figure>"
