"""Bench: a load generator that asks a server as its users do, and tells how it fared."""

from atomlens.client.bench.generator import generate
from atomlens.client.bench.load import MODES, Load, Mode
from atomlens.client.bench.result import Result
from atomlens.client.bench.synthetic import synthetic

__all__ = ["MODES", "Load", "Mode", "Result", "generate", "synthetic"]
