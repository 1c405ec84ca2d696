"""Schemas of parameter files."""
