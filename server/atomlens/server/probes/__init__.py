"""Probes: where they sit, what they feel, and what a model says of them, cut into tiles and slabs."""
