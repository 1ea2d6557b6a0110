"""Verdicts over HTTP."""
