"""`atomlens.server.embedding`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.server.embedding import Embedding, cosines, principal_components
from atomlens.server.errors import UnusableModelError
from atomlens.v1 import card_pb2

Array = npt.NDArray[np.float64]
SHAPES = [(1, 3), (2, 1), (2, 64), (4, 64), (6, 3), (89, 64)]


@pytest.fixture(params=SHAPES, ids=str)
def rows(request: pytest.FixtureRequest, rng: np.random.Generator) -> Array:
    """Random rows, their mean far from the origin."""
    return np.asarray(rng.normal(size=request.param) + 3.0)


def card(rows: Any, numbers: Any, **more: Any) -> card_pb2.ModelCard:
    """Return the part of a card that has to do with embeddings."""
    embedding = [
        card_pb2.EmbeddingRow(number=number, values=values)
        for number, values in zip(numbers, rows, strict=True)
    ]
    return card_pb2.ModelCard(name="m", family="schnet", embedding=embedding, **more)


def test_components_are_those_of_the_covariance(rows: Array) -> None:
    """Variances and directions agree with the eigenvectors of the covariance matrix."""
    found = principal_components(rows)
    covariance = np.cov(rows, rowvar=False, bias=True).reshape(rows.shape[1], rows.shape[1])
    values, vectors = np.linalg.eigh(covariance)
    count = min(len(rows) - 1, rows.shape[1])
    assert found.directions.shape == (count, rows.shape[1])
    np.testing.assert_allclose(found.variance_ratios * values.sum(), values[::-1][:count], rtol=1e-9)
    along = np.abs((found.directions @ vectors[:, ::-1])[:, :count])
    np.testing.assert_allclose(along, np.eye(count), atol=1e-7)


def test_components_rebuild_the_rows(rows: Array) -> None:
    """Scores times directions and the mean are the rows, shares add up to one, directions are orthonormal."""
    found = principal_components(rows)
    np.testing.assert_allclose(found.scores @ found.directions + rows.mean(axis=0), rows, atol=1e-12)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(len(found.scores.T)), atol=1e-12)
    assert found.variance_ratios.sum() == pytest.approx(1.0 if len(rows) > 1 else 0.0)
    assert (np.diff(found.variance_ratios) <= 0).all()


def test_signs_are_fixed(rows: Array) -> None:
    """The largest loading of each direction is positive, and the order of elements changes no sign."""
    found = principal_components(rows)
    largest = np.abs(found.directions).argmax(axis=1)
    assert (found.directions[np.arange(len(largest)), largest] > 0).all()
    turned = principal_components(rows[::-1])
    np.testing.assert_allclose(turned.scores[::-1], found.scores, atol=1e-9)
    np.testing.assert_allclose(principal_components(-rows).directions, found.directions, atol=1e-9)


def test_a_planted_direction_is_found() -> None:
    """Rows on a line have one component, along it, with the sign of the rule and not of the line."""
    direction = np.array([0.0, -0.8, 0.6])
    found = principal_components(np.outer([1.0, 2.0, 4.0], direction) + 5.0)
    np.testing.assert_allclose(found.directions, -direction[None], atol=1e-12)
    np.testing.assert_allclose(found.variance_ratios, [1.0])
    np.testing.assert_allclose(found.scores[:, 0], [4 / 3, 1 / 3, -5 / 3], atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8])
def test_equal_rows_have_no_components(value: float) -> None:
    """Rounding is no variance, and nothing is divided by zero."""
    found = principal_components(np.full((3, 5), value))
    assert (found.variance_ratios.shape, found.directions.shape, found.scores.shape) == ((0,), (0, 5), (3, 0))


def test_cosines_are_those_of_the_rows_as_they_are() -> None:
    """Angles are seen from the origin; a row of zeros has cosine 0 with every row, itself included."""
    found = cosines(np.array([[2.0, 0.0], [3.0, 3.0], [0.0, -1.0], [0.0, 0.0]]))
    half = np.sqrt(0.5)
    expected = [[1, half, 0, 0], [half, 1, -half, 0], [0, -half, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-15)


def test_a_card_tells_all_there_is() -> None:
    """Rows come in the order of atomic numbers, with groups, periods and atoms in training."""
    statistics = [
        card_pb2.ContributionStatistics(head=head, number=8, atoms=2**40) for head in ("energy", "charge")
    ]
    found = Embedding.from_card(card([[1.0, 2.0], [3.0, 4.0]], [57, 8], contributions=statistics))
    assert found.numbers.tolist() == [8, 57]
    assert found.rows.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    message = found.to_proto()
    assert (message.numbers, message.groups, message.periods) == (
        bytes([8, 57]),
        bytes([16, 0]),
        bytes([2, 6]),
    )
    assert np.frombuffer(message.training_atoms, "<u8").tolist() == [2**40, 0]
    assert np.frombuffer(message.rows, "<f8").reshape(2, message.features).tolist() == found.rows.tolist()
    assert np.frombuffer(message.variance_ratios, "<f8").tolist() == [1.0]
    assert np.frombuffer(message.cosines, "<f8").reshape(2, 2)[0, 1] == pytest.approx(11 / np.sqrt(125))


def test_a_card_without_statistics_does_not_count() -> None:
    """Not known is not the same as never."""
    found = Embedding.from_card(card([[1.0]], [8]))
    assert found.training_atoms is None
    assert found.to_proto().training_atoms == b""


def test_a_model_without_embedding_is_refused() -> None:
    """With the family, which is why."""
    with pytest.raises(
        UnusableModelError, match="m has no embedding: networks of the family 'bpnn'"
    ) as caught:
        Embedding.from_card(card_pb2.ModelCard(name="m", family="bpnn"))
    assert (caught.value.reason, caught.value.field) == ("NO_EMBEDDING", "model")


BROKEN: dict[str, tuple[Any, Any, str]] = {
    "one element twice": ([[1.0], [2.0]], [8, 8], "different atomic numbers"),
    "element 0": ([[1.0], [2.0]], [0, 8], "of 1 to 118"),
    "element 119": ([[1.0], [2.0]], [8, 119], "of 1 to 118"),
    "rows of different lengths": ([[1.0], [2.0, 3.0]], [1, 8], r"rows of one length, got \[1, 2\]"),
    "rows of nothing": ([[], []], [1, 8], r"rows of one length, got \[0\]"),
    "a number that is none": ([[1.0], [np.nan]], [1, 8], "must be finite"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_embedding_that_makes_no_sense_is_refused(name: str) -> None:
    """With the rule that the card breaks."""
    rows, numbers, message = BROKEN[name]
    with pytest.raises(UnusableModelError, match=f"card.json: `embedding` .*{message}"):
        Embedding.from_card(card(rows, numbers))
