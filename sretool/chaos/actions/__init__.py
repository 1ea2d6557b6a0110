"""Faults and their inverses, for the `method` and the `rollbacks` of an experiment.

Beside an action `f` stands `plan_f`, which takes the same arguments and tells what would be hurt. Each action
puts on the disk how it is undone before it acts; its inverse undoes the same thing early.
"""
