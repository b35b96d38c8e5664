"""Embeddings as values."""

from __future__ import annotations

import builtins
import json
import pickle
from typing import Any

import numpy as np
import pytest

from atomlens.client import Embedding, InternalError, MissingExtraError
from atomlens.v1 import embedding_pb2, model_service_pb2

from .conftest import embedding_of

ROWS = [[1.0, 0.0, 2.0], [0.0, 1.0, 1.0], [2.0, 0.0, 3.9], [-1.0, -1.0, 0.0]]
NUMBERS = (8, 11, 16, 58)


@pytest.fixture
def embedding() -> Embedding:
    """Oxygen, sodium, sulfur and cerium; the first and the third are alike."""
    return embedding_of(NUMBERS, ROWS, (5, 6, 7, 8))


def test_all_is_read(embedding: Embedding) -> None:
    """Arrays have their shapes, elements their places, and the model its name."""
    assert str(embedding.model) == "m@2"
    assert embedding.symbols == ["O", "Na", "S", "Ce"]
    assert embedding.families == ["16", "1", "16", "lanthanides"]
    assert embedding.periods.tolist() == [2, 3, 3, 6]
    assert embedding.training_atoms is not None
    assert embedding.training_atoms.tolist() == [5, 6, 7, 8]
    assert embedding.rows.tolist() == ROWS
    rebuilt = embedding.scores @ embedding.components + embedding.rows.mean(axis=0)
    np.testing.assert_allclose(rebuilt, ROWS, atol=1e-12)
    assert embedding.variance_ratios.sum() == pytest.approx(1.0)
    assert len(embedding) == 4
    assert repr(embedding) == "<Embedding of 4 elements in 3 dimensions by m@2>"


def test_nothing_can_be_written(embedding: Embedding) -> None:
    """Not even by accident, nor in a copy that another process was sent."""
    sent = pickle.loads(pickle.dumps(embedding))
    assert sent.to_dict() == embedding.to_dict()
    for one in (embedding, sent):
        for name in ("numbers", "groups", "rows", "scores", "cosines"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(one, name)[0] = 1


def test_nearest_elements(embedding: Embedding) -> None:
    """They are the others with the highest cosines, as many as there are."""
    assert [symbols[0] for symbols in embedding.nearest(1)] == ["S", "O", "O", "O"]
    assert [len(symbols) for symbols in embedding.nearest(9)] == [3] * 4
    assert embedding_of([8], [[1.0]]).nearest() == [[]]


@pytest.mark.parametrize(("elements", "components"), [(1, 0), (2, 1), (3, 2)])
def test_few_elements_have_a_plane(elements: int, components: int) -> None:
    """What has no second component lies on a line, and one element in the middle."""
    embedding = embedding_of(NUMBERS[:elements], ROWS[:elements])
    assert embedding.scores.shape == (elements, components)
    plane = embedding.plane()
    assert plane.shape == (elements, 2)
    np.testing.assert_array_equal(plane[:, :components], embedding.scores)
    assert not plane[:, components:].any()


def test_json(embedding: Embedding) -> None:
    """A document has every array under the name of its attribute, and null for what is not known."""
    document = json.loads(json.dumps(embedding.to_dict(), allow_nan=False))
    assert document["model"] == {"name": "m", "version": 2, "digest": "ab" * 32}
    assert document["symbols"] == embedding.symbols
    assert np.array(document["cosines"]).tolist() == embedding.cosines.tolist()
    assert embedding_of(NUMBERS, ROWS).to_dict()["training_atoms"] is None


def test_pandas(embedding: Embedding) -> None:
    """A table has a row for each element, by symbol, and says whose it is."""
    table = embedding.to_pandas()
    assert table.loc["S", "group"] == 16
    assert table.loc["Ce", "training_atoms"] == 8
    assert str(table.loc["O", "nearest"]).split()[0] == "S"
    np.testing.assert_array_equal(table[["pc1", "pc2", "pc3"]], embedding.scores)
    np.testing.assert_array_equal(table[["feature0", "feature1", "feature2"]], ROWS)
    assert table.attrs == {"model": "m@2", "digest": "ab" * 32}


@pytest.mark.parametrize("field", ["groups", "training_atoms", "rows", "scores", "cosines"])
def test_parts_that_disagree(field: str) -> None:
    """Buffers of other sizes than the elements have are no answer."""
    full = embedding_pb2.Embedding(
        numbers=bytes([1]), groups=bytes([1]), periods=bytes([1]), features=1, rows=bytes(8), cosines=bytes(8)
    )
    assert len(Embedding.from_proto(model_service_pb2.GetEmbeddingResponse(embedding=full))) == 1
    setattr(full, field, bytes(3))
    with pytest.raises(InternalError, match="an array of the answer must be"):
        Embedding.from_proto(model_service_pb2.GetEmbeddingResponse(embedding=full))


@pytest.mark.parametrize(
    ("field", "value"), [("numbers", bytes([200])), ("groups", bytes([0]))], ids=["element", "place"]
)
def test_elements_that_there_are_not(field: str, value: bytes) -> None:
    """Nor are elements that the periodic table has no place for."""
    full = embedding_pb2.Embedding(
        numbers=bytes([1]), groups=bytes([1]), periods=bytes([1]), features=1, rows=bytes(8), cosines=bytes(8)
    )
    setattr(full, field, value)
    with pytest.raises(InternalError, match=r"element 200|without a place"):
        Embedding.from_proto(model_service_pb2.GetEmbeddingResponse(embedding=full))


@pytest.mark.parametrize(
    ("missing", "method"), [("pandas", "to_pandas"), ("atomlens.client.embedding.figure", "to_figure")]
)
def test_missing_extras(
    embedding: Embedding, missing: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pandas or matplotlib the error names the extra to install."""
    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'atomlens\[report\]'"):
        getattr(embedding, method)()
