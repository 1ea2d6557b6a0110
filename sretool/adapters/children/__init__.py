"""Programs of our own that do a part of the work: load, experiments, searches."""
