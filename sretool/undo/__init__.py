"""Undoing faults, whatever happens to the program that made them.

How to undo a fault is on the disk, as data, before the fault is made. A warden of its own session undoes it
when that program ends, hangs or is killed; if the warden is killed as well, the next start of any command of
sretool does. Nothing here needs anything but Python's own library, so that it starts in a moment and goes on
whatever else is broken.
"""
