"""Experiments: what they say, what they would do, whether they may, and what came of them."""
