"""Bundle: a model as a version directory of a repository, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf import json_format

from atomlens.export.card import Description, make_card
from atomlens.export.checkpoint import Checkpoint
from atomlens.export.compiled.compilation import compile_model
from atomlens.export.examples import probe_points, verification_batches
from atomlens.export.form import ExactForm
from atomlens.export.graphs import export_graphs
from atomlens.export.verification import verify
from atomlens.server.bundle import CARD
from atomlens.server.cases import CASES, dump_cases
from atomlens.server.listing import VERSION
from atomlens.server.verification import Row
from atomlens.v1 import card_pb2

MAPS = {"masses", "offsets", "network", "split", "settings", "versions", "files"}


class Exported(NamedTuple):
    """A bundle that was written, and how far its graphs are from the network."""

    path: Path  # REPOSITORY/MODEL/VERSION
    rows: list[Row]


def export_bundle(
    checkpoint: Checkpoint, repository: Path, description: Description, exact: bool = False
) -> Exported:
    """Export, verify and write a trained model as the next version of its name.

    Args:
        checkpoint: the trained model.
        repository: the directory of models.
        description: what the checkpoint does not know.
        exact: leave the network as it was trained instead of compiling it.

    Raises:
        ValueError: the training has not ended, so nothing is known of the model's errors.
        VerificationError: a graph differs from the network; nothing is written.
    """
    if not checkpoint.measured:
        raise ValueError("the training has not ended: `atomlens train --resume` goes on with it")
    model, batches = checkpoint.build(), verification_batches(checkpoint)
    form = ExactForm(model) if exact else compile_model(model, batches.values())
    graphs = export_graphs(model, form)
    points = {name: probe_points(checkpoint, structures) for name, structures in batches.items()}
    draft = card_json(make_card(checkpoint, description, form, []))
    rows, cases = verify(model, graphs, draft, batches, points)
    files = {**graphs, CASES: dump_cases(cases)}
    card = make_card(checkpoint, description, form, rows)
    card.files.update({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
    return Exported(write_version(repository / description.name, {CARD: card_json(card), **files}), rows)


def card_json(card: card_pb2.ModelCard) -> bytes:
    """Return the card as card.json holds it: fields in the order of the message, maps sorted."""
    fields = json_format.MessageToDict(card, preserving_proto_field_name=True)
    return (json.dumps(_ordered(fields), indent=2, ensure_ascii=False) + "\n").encode()


def _ordered(value: Any, name: str = "") -> Any:
    """Return the value with its maps sorted, which protobuf shuffles, and whole numbers as such."""
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if isinstance(value, dict):
        keys = sorted(value, key=_natural) if name in MAPS else list(value)
        return {key: _ordered(value[key], key) for key in keys}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _natural(key: str) -> tuple[int, str]:
    return (int(key) if key.isdecimal() else 0, key)


def write_version(model: Path, files: Mapping[str, bytes]) -> Path:
    """Write files as MODEL/VERSION, one above the highest version, and return that directory.

    They are written beside it and renamed into place, so that no reader ever sees half of them.
    """
    model.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=model))
    try:
        for name, content in files.items():
            (partial / name).write_bytes(content)
        partial.chmod(0o755)
        return partial.rename(model / str(highest_version(model) + 1))
    except BaseException:
        shutil.rmtree(partial)
        raise


def highest_version(model: Path) -> int:
    """Return the highest version of a model's directory, 0 where there is none."""
    return max((int(entry.name) for entry in model.iterdir() if VERSION.fullmatch(entry.name)), default=0)
