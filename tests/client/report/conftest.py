"""Structures that reports are about."""

from __future__ import annotations

import numpy as np

from atomlens.client import Structure

ANGLES = np.arange(6) * np.pi / 3
RING = np.stack([np.cos(ANGLES), np.sin(ANGLES), np.zeros(6)], axis=1)
BENZENE = Structure([6] * 6 + [1] * 6, np.concatenate([1.395 * RING, 2.48 * RING]), id="benzene")
WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]], id="water.xyz@0")
SALT = Structure([11, 17], [[0.0, 0.0, 0.0], [2.82, 0.0, 0.0]], 2.82 * (1 - np.eye(3)), True, id="NaCl.cif@0")
