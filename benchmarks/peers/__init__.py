"""Peers: other people's software, each in a virtual environment of its own."""
