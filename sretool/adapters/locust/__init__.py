"""Locust, which makes the load, in processes of its own."""
