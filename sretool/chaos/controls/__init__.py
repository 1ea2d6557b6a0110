"""Controls for any experiment: they hear of everything that happens, and decide nothing.

Chaos Toolkit lets a run go on where a control fails, so none of them is a gate.
"""
