"""Page: a report as one HTML file that needs no network."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib import resources
from typing import Any

from atomlens.client.errors import MissingExtraError
from atomlens.client.explanation import Explanation
from atomlens.client.html_page import paragraph, table
from atomlens.client.report.atom_table import atom_table
from atomlens.client.report.contents import Report
from atomlens.client.report.pictures import pictures
from atomlens.client.report.storage import CLOSING, OPENING, encode
from atomlens.client.report.thinning import thinned
from atomlens.client.table import CAVEAT, number, statement, title

SCRIPTS = ("data", "bodies", "legend", "looks", "scene", "atoms", "places", "space", "table", "main")
STAGE = (
    '<div class="control" id="look"></div><input type="range" id="step" min="0" hidden aria-label="slice">'
)
FRAME_HEIGHT = 820  # pixels, in notebooks
# Nothing may be fetched, whatever stands in the page; drawings in 3-D make code of texts.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
OMEGA = (
    "Ω(r) is what the model would give an atom of the probe's element at r. The probe feels the atoms and "
    "changes nothing; energies are as learned, without that of the free atom, charges before neutrality."
)


def page(report: Report) -> str:
    """Return the whole page; its data are in it once more as JSON."""
    data = encode(report) | {"pictures": pictures(report)}
    body = f'{"".join(_body(report))}<script type="application/gzip" id="plotly">{_plotly()}</script>'
    return document(f"{_name(report)} · AtomLens", body, data, SCRIPTS)


def document(name: str, body: str, data: Any, scripts: Iterable[str]) -> str:
    """Return an HTML document of a body, data as JSON and our scripts, which draw them."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    code = "".join(_asset(f"{one}.js") for one in scripts)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(name)}</title><style>{_asset('page.css')}</style></head><body>",
        f"{body}{OPENING}{text}{CLOSING}<script>(() => {{\n{code}}})();</script></body></html>\n",
    ]
    return "".join(parts)


def framed(whole: str, height: int = FRAME_HEIGHT) -> str:
    """Return a page as part of a notebook, which keeps its scripts and styles apart from others'."""
    return (
        f'<iframe srcdoc="{escape(whole)}" style="width: 100%; height: {height}px; border: 0" '
        'title="AtomLens report"></iframe>'
    )


def _body(report: Report) -> Iterator[str]:
    yield f"<header>{''.join(_header(report))}</header><main>"
    yield '<section class="panels">'
    if report.explanation is not None:
        yield _panel("atoms", "Atoms", ("coloring",))
    if report.surfaces or report.maps:
        yield _panel("space", "Around the atoms", ("probe", "property", "place"), STAGE)
    yield "</section>"
    warnings = () if report.explanation is None else report.explanation.warnings
    yield from (f'<p class="warning">{escape(one)}</p>' for one in warnings)
    yield from (f'<p class="remark">{escape(one)}</p>' for one in _notes(report))
    if report.explanation is not None:
        yield f"<section><h2>Atom by atom</h2>{atom_table(report.explanation, report.means)}</section>"
    yield f"<section><h2>How to read it</h2>{''.join(_reading(report))}</section>"
    yield f"<section><h2>Where it comes from</h2>{''.join(_provenance(report))}</section></main>"


def _name(report: Report) -> str:
    """Return the name of a structure without the directories that it was read from."""
    return report.structure.id.rpartition("/")[2] or report.structure.formula


def _header(report: Report) -> Iterator[str]:
    structure = report.structure
    yield f"<h1>{escape(_name(report))}</h1>"
    said = title(structure).removeprefix(structure.id).strip()
    yield f'<p class="subtitle">{escape(said.replace("  ", " · "))}</p>'
    if report.explanation is not None:
        yield f'<dl class="properties">{"".join(_properties(report.explanation))}</dl>'


def _properties(explanation: Explanation) -> Iterator[str]:
    for head in explanation.heads.values():
        name, _, rest = statement(head).partition(": ")
        _, _, origin = rest.partition(", ")
        value = number(head.value, head.property_unit)
        yield f"<div><dt>{escape(name)}</dt><dd>{value} <span>{escape(head.property_unit)}</span></dd>"
        yield f'<dd class="origin">{escape(origin)}</dd></div>'


def _panel(key: str, name: str, controls: tuple[str, ...], inside: str = "") -> str:
    """Return a panel with places for its controls, its picture and the colours of that."""
    places = "".join(f'<div class="control" id="{one}"></div>' for one in controls)
    return (
        f'<article class="panel" id="{key}"><h2>{name}</h2><div class="bar">{places}</div>'
        f'<div class="stage"><div class="plot" id="{key}-plot"></div>{inside}</div>'
        f'<div class="legend" id="{key}-legend"></div></article>'
    )


def _notes(report: Report) -> list[str]:
    """Return what is not in the page, and why."""
    return [*report.notes, *(said for _, _, said in map(thinned, report.maps) if said)]


def _reading(report: Report) -> Iterator[str]:
    yield paragraph(CAVEAT)
    if report.surfaces or report.maps:
        yield paragraph(OMEGA)


def _provenance(report: Report) -> Iterator[str]:
    rows = [(one.name, str(one.version), one.provider, one.digest) for one in report.models]
    models = table(("model", "version", "run on", "digest"), (map(escape, row) for row in rows))
    yield f'<div class="wide">{models}</div>'
    yield paragraph(f"AtomLens {report.version}, {report.date}.")


def _asset(name: str) -> str:
    return resources.files("atomlens.client.report").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    """Return Plotly's script as compressed bytes in base64, which are 2 MB of 5."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError("report", "a report") from error
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode("ascii")
