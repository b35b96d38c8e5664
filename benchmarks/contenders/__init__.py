"""Contenders: the parts of AtomLens and what they are measured against, each in a process of its own."""
