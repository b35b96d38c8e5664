"""Generated messages and stubs of the package atomlens.v1."""
