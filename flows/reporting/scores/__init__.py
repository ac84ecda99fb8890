"""Texts that are scored row by row."""
