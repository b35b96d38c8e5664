"""Pair model: a network written by hand as two graphs, with contributions that a few lines of numpy know.

e_i = Z_i / 10 + Σ_j Z_j (1 − r_ij² / c²)² over the pairs within the cutoff c.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from onnx import parser

from atomlens.server.cases import CASES, Case, dump_cases
from atomlens.server.structures import Floats, Structures

NAME = "toy-pairs"
CUTOFF = 3.0
ELEMENTS = {1: 1.0, 6: 12.0, 7: 14.0, 8: 16.0}
CLOSEST = {(1, 1): 0.7, (1, 8): 0.9, (1, 6): 1.0, (6, 6): 1.2}
PARTS = """
  one = Constant <value_float = 1.0> ()
  zero = Constant <value_float = 0.0> ()
  tenth = Constant <value_float = 0.1> ()
  inverse = Constant <value_float = 0.1111111119389534> ()
  first = Constant <value = int64[1] {1}> ()
  second = Constant <value = int64[1] {2}> ()
  third = Constant <value = int64[1] {3}> ()
  own = Cast <to = 1> (numbers)
"""
ATOMS_GRAPH = f"""
<ir_version: 10, opset_import: ["" : 18]>
atoms (int64[atoms] numbers, float[atoms, 3] positions, int64[atoms, slots] neighbors,
       float[atoms, slots, 3] shifts) => (float[atoms] energy)
{{{PARTS}
  others = Gather <axis = 0> (positions, neighbors)
  moved = Add (others, shifts)
  center = Unsqueeze (positions, first)
  between = Sub (moved, center)
  product = Mul (between, between)
  squares = ReduceSum <keepdims = 0> (product, second)
  scaled = Mul (squares, inverse)
  left = Sub (one, scaled)
  near = Relu (left)
  weight = Mul (near, near)
  theirs = Gather <axis = 0> (own, neighbors)
  nobody = Constant <value = int64 {{0}}> ()
  there = GreaterOrEqual (neighbors, nobody)
  filled = Where (there, theirs, zero)
  parts = Mul (weight, filled)
  felt = ReduceSum <keepdims = 0> (parts, first)
  alone = Mul (own, tenth)
  energy = Add (alone, felt)
}}
"""
MOLECULES_GRAPH = f"""
<ir_version: 10, opset_import: ["" : 18]>
molecules (int64[molecules, slots] numbers, float[molecules, slots, 3] positions)
  => (float[molecules, slots] energy)
{{{PARTS}
  centers = Unsqueeze (positions, second)
  others = Unsqueeze (positions, first)
  between = Sub (others, centers)
  product = Mul (between, between)
  squares = ReduceSum <keepdims = 0> (product, third)
  scaled = Mul (squares, inverse)
  left = Sub (one, scaled)
  near = Relu (left)
  weight = Mul (near, near)
  theirs = Unsqueeze (own, first)
  parts = Mul (weight, theirs)
  felt = ReduceSum <keepdims = 0> (parts, second)
  alone = Mul (own, tenth)
  both = Add (alone, felt)
  energy = Sub (both, own)
}}
"""


def contributions(structures: Structures) -> Floats:
    """Return what the model says of each atom of structures without periodicity, in float64: (atoms,)."""
    found = 0.1 * structures.numbers
    for first, last in zip(structures.offsets, structures.offsets[1:], strict=False):
        places, numbers = structures.positions[first:last], structures.numbers[first:last]
        squares = ((places[:, None] - places) ** 2).sum(-1)
        weights = np.maximum(1.0 - squares / CUTOFF**2, 0.0) ** 2
        np.fill_diagonal(weights, 0.0)
        found[first:last] += weights @ numbers
    return np.asarray(found, np.float64)


def write_bundle(
    repository: Path, cases: Structures, molecules: str | None = MOLECULES_GRAPH, name: str = NAME
) -> Path:
    """Write version 1 of the model, verified with ``cases``, and return its directory."""
    case = Case("molecules", cases, {"energy": contributions(cases)})
    files = {"atoms.onnx": compiled(ATOMS_GRAPH), CASES: dump_cases([case])}
    if molecules is not None:
        files["molecules.onnx"] = compiled(molecules)
    card = {
        "contract": 1,
        "name": name,
        "family": "pairs",
        "heads": [{"name": "energy", "aggregation": "AGGREGATION_SUM", "unit": "eV", "property_unit": "eV"}],
        "elements": list(ELEMENTS),
        "cutoff_angstrom": CUTOFF,
        "charges": [0],
        "masses": {str(number): mass for number, mass in ELEMENTS.items()},
        "closest_distances": [
            {"first": a, "second": b, "distance_angstrom": distance} for (a, b), distance in CLOSEST.items()
        ],
        "files": {file: hashlib.sha256(content).hexdigest() for file, content in files.items()},
    }
    version = repository / name / "1"
    version.mkdir(parents=True)
    for file, content in files.items():
        (version / file).write_bytes(content)
    (version / "card.json").write_text(json.dumps(card))
    return version


def compiled(text: str) -> bytes:
    """Return the graph that a text describes."""
    return bytes(parser.parse_model(text).SerializeToString())
