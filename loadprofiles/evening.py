"""Learners as they come on an evening, for as long as something else is tried on the system."""

from sretool.load.feeders import optional
from sretool.load.parameters import data, param, rate_at, requests
from sretool.load.sessions import Learners


class Learner(Learners):
    requests = requests()
    rate_at = rate_at()
    first_user = param("first_user", 800_000_001)
    user_count = param("user_count", 100_000)
    accounts = optional(data("accounts"), param("accounts_order", "circular"))
    rests = param("rests", 2.0)
