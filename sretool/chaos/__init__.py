"""A Chaos Toolkit extension: faults that undo themselves, and probes that ask what on-call people ask.

Imported by experiments, and therefore by the program that runs one, never by `sretool` itself.
"""
