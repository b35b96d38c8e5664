"""SVG: a figure as text that stands in a page, and how all figures look."""

from __future__ import annotations

import io
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

DOTS_PER_INCH = 110  # of what is drawn as pixels: clouds of many points
# Okabe and Ito's, which most colour-blind readers can tell apart.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "atomlens",  # the same figure is the same text
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def svg(figure: Figure) -> str:
    """Return a figure as an `<svg>` element, without what stands before it in a file of its own."""
    text = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(text, format="svg", dpi=DOTS_PER_INCH, metadata={"Date": None, "Creator": None})
    content = text.getvalue()
    return content[content.index("<svg") :]
