"""Three kinds of people: most learn, some look at their statistics, few at everybody's.

Under plain Locust run it with -u 3, one user for each kind.
"""

from locust import task

from sretool.load.feeders import optional
from sretool.load.mapped import MappedUser
from sretool.load.open import OpenUser
from sretool.load.parameters import data, param, rate_at, requests
from sretool.load.sessions import Learners

REQUESTS = requests()
RATE = rate_at()
FIRST_USER = param("first_user", 800_000_001)
USER_COUNT = param("user_count", 100_000)


class Learner(Learners):
    fixed_count = 1
    requests = REQUESTS
    rate_at = RATE
    first_user, user_count = FIRST_USER, USER_COUNT
    rests = param("rests", 2.0)
    accounts = optional(data("accounts"), param("accounts_order", "circular"))
    leaves_out = ("summary", "overview")


class Reader(OpenUser, MappedUser):
    fixed_count = 1
    requests = REQUESTS
    needs = ("summary",)
    rate_at = RATE
    first_user, user_count = FIRST_USER, USER_COUNT

    @task
    def look(self) -> None:
        self.ask("summary", {"user": self.new_user()})


class Operator(OpenUser, MappedUser):
    fixed_count = 1
    requests = REQUESTS
    needs = ("overview",)
    rate_at = RATE
    first_user, user_count = FIRST_USER, USER_COUNT

    @task
    def look(self) -> None:
        self.ask("overview", {"user": self.new_user()})
