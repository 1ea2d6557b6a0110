"""Two learners in a hurry."""

from sretool.load.feeders import optional
from sretool.load.parameters import data, param, requests, think_time
from sretool.load.sessions import Learner


class Hurried(Learner):
    requests = requests()
    wait_time = think_time(0.1, 0.3)
    first_user = param("first_user", 800_000_001)
    user_count = param("user_count", 100_000)
    accounts = optional(data("accounts"), param("accounts_order", "circular"))
