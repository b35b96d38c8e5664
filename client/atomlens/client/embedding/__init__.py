"""Embedding: what a model learned of the elements, and whether it resembles the periodic table."""

from atomlens.client.embedding.periodicity import Periodicity, PermutationTest
from atomlens.client.embedding.vectors import Embedding

__all__ = ["Embedding", "Periodicity", "PermutationTest"]
