"""Molecule frame: the atoms of an explanation in a notebook, to be turned, in a few kilobytes."""

from __future__ import annotations

from atomlens.client.explanation import Explanation
from atomlens.client.report.contents import Report
from atomlens.client.report.page import document, framed
from atomlens.client.report.pictures import pictures

MAX_ATOMS = 2_000  # more would not turn smoothly
HEIGHT = 430  # pixels
SCRIPTS = ("data", "legend", "looks", "molecule")
BODY = (
    '<div class="small"><div class="control" id="coloring"></div><canvas id="molecule"></canvas>'
    '<div class="legend" id="legend"></div></div>'
)


def molecule_frame(explanation: Explanation) -> str:
    """Return the atoms in the colours of their contributions; nothing of structures that are too large."""
    if len(explanation) > MAX_ATOMS or not explanation.heads:
        return ""
    drawn = pictures(Report(explanation.structure, explanation))
    return framed(document("AtomLens", BODY, {"pictures": drawn}, SCRIPTS), HEIGHT)
