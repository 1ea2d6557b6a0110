"""Chaos Toolkit, which makes the faults, in a process of its own, and the warden beside it."""
