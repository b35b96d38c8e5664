"""Clients, results, files in and out, and the command line."""
