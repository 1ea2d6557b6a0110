"""sretool: SLOs, alerts, load tests and game days in a terminal."""

__version__ = "0.1.0"
