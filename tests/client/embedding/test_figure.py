"""Figures of embeddings."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from atomlens.client.embedding.figure import MARKS

from .conftest import embedding_of, planted_embedding


def texts(figure: Figure) -> list[list[str]]:
    """Return the texts in each of the axes."""
    return [[text.get_text() for text in axes.texts] for axes in figure.axes]


def test_every_element_is_labelled() -> None:
    """Both panels have every symbol once, and the title says whose embedding it is."""
    embedding = planted_embedding(0, 1.0, 0.2)
    figure = embedding.to_figure()
    plane, matrix, _ = texts(figure)
    assert sorted(plane) == sorted(embedding.symbols)
    assert sorted(text for text in matrix if text in embedding.symbols) == sorted(embedding.symbols)
    assert figure.get_suptitle() == "m@2 (abababababab), 83 elements, 32 features"
    ratios = [f"{100 * ratio:.1f} % of the variance" for ratio in embedding.variance_ratios[:2]]
    assert [figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()] == [
        f"PC1, {ratios[0]}",
        f"PC2, {ratios[1]}",
    ]


def test_points_are_where_the_scores_are() -> None:
    """Each mark lies at its element's scores, and lengths along both axes are on one scale."""
    embedding = planted_embedding(0, 1.0, 0.2)
    axes = embedding.to_figure().axes[0]
    drawn = [np.asarray(line.get_xydata()) for line in axes.lines if line.get_marker() != "None"]
    np.testing.assert_allclose(np.concatenate(drawn), embedding.scores[:, :2])
    corners = axes.transData.transform([[0.0, 0.0], [1.0, 1.0]])
    assert np.ptp(corners, axis=0)[0] == pytest.approx(np.ptp(corners, axis=0)[1])


def test_the_matrix_is_ordered_by_group() -> None:
    """Groups come in order, lanthanides and actinides last, with their cosines."""
    embedding = embedding_of([8, 11, 16, 57, 89], np.random.default_rng(0).normal(size=(5, 4)))
    axes = embedding.to_figure().axes[1]
    order = [1, 0, 2, 3, 4]
    np.testing.assert_allclose(
        np.asarray(axes.images[0].get_array()), embedding.cosines[np.ix_(order, order)]
    )
    assert texts(embedding.to_figure())[1] == ["Na", "O", "S", "La", "Ac", "1", "16", "Ln", "An"]


def test_families_look_different() -> None:
    """No two of the eighteen groups, lanthanides and actinides share shape and colour."""
    assert len(MARKS) == 20
    assert len(set(MARKS.values())) == 20


def test_rare_elements_are_hollow() -> None:
    """An element that training hardly saw is not filled, and the legend says why."""
    axes = embedding_of([8, 16], np.eye(2), [99, 100]).to_figure().axes[0]
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() != "None"]
    assert faces == ["none", MARKS["16"].color]
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_title().get_text() == "group; hollow: fewer than 100 atoms in training"


@pytest.mark.parametrize("suffix", ["png", "svg"])
@pytest.mark.parametrize("elements", [1, 2, 3])
def test_few_elements_can_be_drawn(elements: int, suffix: str) -> None:
    """One element, and two on a line, are a figure too."""
    embedding = embedding_of([8, 16, 57][:elements], np.eye(3)[:elements])
    content = io.BytesIO()
    embedding.to_figure().savefig(content, format=suffix)
    assert content.getvalue()


def test_equal_rows_can_be_drawn() -> None:
    """Without any variance all elements lie in the middle."""
    axes = embedding_of([1, 2, 3], np.ones((3, 4))).to_figure().axes[0]
    assert axes.get_xlabel() == "PC1, 0.0 % of the variance"
