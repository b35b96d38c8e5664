"""Embedding: what a model learned of the elements, one vector for each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from atomlens.client.elements import symbol_of
from atomlens.client.errors import InternalError, MissingExtraError
from atomlens.client.explanation import ModelReference
from atomlens.client.frozen import Frozen
from atomlens.client.structure import Floats
from atomlens.v1 import model_service_pb2

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

Integers = npt.NDArray[np.int64]
SERIES = {6: "lanthanides", 7: "actinides"}  # the elements without a group, by period


@dataclass(frozen=True, slots=True, eq=False)
class Embedding(Frozen):
    """The rows of a model's elements, their principal components and their cosines.

    rows − mean = scores @ components. Components without variance are left out, so that n elements have at
    most n − 1; the loading of largest magnitude of each is positive. Cosines are those of rows as they are,
    not centred: the network multiplies rows by matrices without a bias, so that their origin means something.
    """

    model: ModelReference
    numbers: Integers  # (elements,) atomic numbers, ascending
    groups: Integers  # (elements,) 1 to 18, 0 for lanthanides and actinides
    periods: Integers  # (elements,)
    training_atoms: Integers | None  # (elements,), None when the model's card does not say
    rows: Floats  # (elements, features)
    variance_ratios: Floats  # (components,)
    components: Floats  # (components, features)
    scores: Floats  # (elements, components)
    cosines: Floats  # (elements, elements)

    @classmethod
    def from_proto(cls, message: model_service_pb2.GetEmbeddingResponse) -> Embedding:
        """Return the embedding that a message holds; raises `InternalError` when its parts disagree."""
        status, parts = message.status, message.embedding
        elements, features = len(parts.numbers), parts.features
        components = len(parts.variance_ratios) // 8
        atoms = parts.training_atoms
        found = cls(
            ModelReference(status.name, status.version, status.digest, status.provider),
            _array(parts.numbers, "u1", elements).astype(np.int64),
            _array(parts.groups, "u1", elements).astype(np.int64),
            _array(parts.periods, "u1", elements).astype(np.int64),
            _array(atoms, "<u8", elements).astype(np.int64) if atoms else None,
            _array(parts.rows, "<f8", elements, features),
            _array(parts.variance_ratios, "<f8", components),
            _array(parts.components, "<f8", components, features),
            _array(parts.scores, "<f8", elements, components),
            _array(parts.cosines, "<f8", elements, elements),
        )
        found._check()
        return found

    @property
    def symbols(self) -> list[str]:
        """Symbol of each element."""
        return [symbol_of(number) for number in self.numbers.tolist()]

    @property
    def families(self) -> list[str]:
        """Column or series of each element: ``1`` to ``18``, ``lanthanides`` or ``actinides``."""
        places = zip(self.groups.tolist(), self.periods.tolist(), strict=True)
        return [str(group) if group else SERIES[period] for group, period in places]

    def plane(self) -> Floats:
        """Return the scores of the first two components, zeros for one that there is not: (elements, 2)."""
        plane = np.zeros((len(self), 2))
        first = self.scores[:, :2]
        plane[:, : first.shape[1]] = first
        return plane

    def nearest(self, count: int = 3) -> list[list[str]]:
        """Return for each element the symbols of the others with the highest cosines, highest first."""
        others = self.cosines.copy()
        np.fill_diagonal(others, -np.inf)
        order = np.argsort(-others, axis=1, kind="stable")[:, : min(count, len(self) - 1)]
        symbols = self.symbols
        return [[symbols[place] for place in places] for places in order.tolist()]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it: lists, numbers, texts and None."""
        model = self.model
        arrays = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "model"}
        return {
            "model": {"name": model.name, "version": model.version, "digest": model.digest},
            "symbols": self.symbols,
            **{name: None if array is None else array.tolist() for name, array in arrays.items()},
        }

    def to_pandas(self) -> pandas.DataFrame:
        """Return a row for each element: where it stands, its atoms in training, scores and features."""
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError("report", "`to_pandas()`") from error
        from atomlens.client.embedding.table import columns

        table = pandas.DataFrame(columns(self)).set_index("element")
        table.attrs = {"model": str(self.model), "digest": self.model.digest}
        return table

    def to_figure(self) -> Figure:
        """Return a `matplotlib` figure: the elements in the plane of two components, and their cosines."""
        try:
            from atomlens.client.embedding.figure import figure
        except ImportError as error:
            raise MissingExtraError("report", "`to_figure()`") from error
        return figure(self)

    def _check(self) -> None:
        """Raise `InternalError` for elements that there are not, and for places without a name."""
        nowhere = (self.groups == 0) & ~np.isin(self.periods, list(SERIES))
        if not self.symbols or nowhere.any():
            raise InternalError("the server sent an embedding of no elements, or of some without a place")

    def __len__(self) -> int:
        return len(self.numbers)

    def __str__(self) -> str:
        from atomlens.client.embedding.table import text

        return text(self)

    def __repr__(self) -> str:
        elements, features = self.rows.shape
        return f"<Embedding of {elements} elements in {features} dimensions by {self.model}>"


def _array(buffer: bytes, dtype: str, *shape: int) -> npt.NDArray[Any]:
    """Return a buffer as an array without copying it."""
    array: npt.NDArray[Any] = np.frombuffer(buffer, np.uint8)
    if array.size != np.prod(shape) * np.dtype(dtype).itemsize:
        raise InternalError(
            f"an array of the answer must be {np.dtype(dtype)} {shape}, got {array.size} bytes"
        )
    return array.view(dtype).reshape(shape)
