"""Study: the paper's analyses on models and data files, as numbers and as sections of a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Any

from atomlens.client.card import Card
from atomlens.client.client import Client
from atomlens.client.study.analyses import ANALYSES
from atomlens.client.study.answers import Progress
from atomlens.client.study.material import Material
from atomlens.client.study.sample import Sample, take_samples
from atomlens.client.study.section import LeftOut, Section, TextTable, Verdict

if TYPE_CHECKING:
    from atomlens.export.table import Table


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What was found, and what could not be looked at."""

    cards: tuple[Card, ...]
    samples: tuple[Sample, ...]
    sections: tuple[Section, ...]
    verdicts: tuple[Verdict, ...]
    left_out: tuple[LeftOut, ...]
    date: str
    version: str  # of AtomLens

    def accuracies(self) -> TextTable | None:
        """Return the table of errors, None where nothing could be compared with a label."""
        return next((section.tables[0] for section in self.sections if section.key == "errors"), None)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as JSON has them; what is not a number is null."""
        document = {
            "atomlens": self.version,
            "date": self.date,
            "models": [{"name": str(card.status), "digest": card.status.digest} for card in self.cards],
            "data": [
                {"source": one.source, "part": one.part, "structures": len(one.structures)}
                for one in self.samples
            ],
            "expectations": [
                {"model": one.model, "source": one.source, **asdict(one.row)} for one in self.verdicts
            ],
            **{section.key: section.numbers for section in self.sections},
            "left_out": [asdict(one) for one in self.left_out],
        }
        return {name: _plain(value) for name, value in document.items()}


def run_study(
    client: Client,
    tables: Sequence[Table],
    models: Sequence[str],
    labels: Mapping[str, str],
    limit: int,
    progress: Progress,
) -> Study:
    """Return the study of models on data files.

    Args:
        client: where the models are.
        tables: the data files.
        models: names of models; of none, every model that a file has labels or reference charges for.
        labels: by head the field to compare its property with, where it is not the one on the card.
        limit: the most structures of a file to ask about.
        progress: is told how far the study is.

    Raises:
        AtomLensError: a model is unknown or cannot be asked, or none was named and none fits the files.
        DataError (ValueError): a label has no unit that can be understood.
    """
    material = Material.gather(client, take_samples(tables, limit), models, labels, progress)
    findings = [analysis(material) for analysis in ANALYSES]
    return Study(
        material.cards,
        material.samples,
        tuple(chain.from_iterable(one.sections for one in findings)),
        tuple(chain.from_iterable(one.verdicts for one in findings)),
        (*material.left_out, *chain.from_iterable(one.left_out for one in findings)),
        date.today().isoformat(),
        version("atomlens"),
    )


def _plain(value: Any) -> Any:
    """Return the value with null for what is not a number, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
