"""Compiled: networks rewritten for the runtime, equal to the trained ones up to an error that is measured."""
