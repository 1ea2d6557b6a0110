"""Figures of our own that a Prometheus comes to fetch."""
