"""Questions for hypotheses, doses and stop conditions of an experiment.

Every probe gives a number or a boolean that a tolerance can be set on. What cannot be measured is no answer:
the probe raises `ActivityFailed`, so that missing data is never taken for success.
"""
