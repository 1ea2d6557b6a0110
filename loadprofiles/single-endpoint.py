"""Everybody asks for the same thing."""

from locust import task

from sretool.load.mapped import MappedUser
from sretool.load.open import OpenUser
from sretool.load.parameters import param, rate_at, requests


class Asker(OpenUser, MappedUser):
    requests = requests()
    needs = ("endpoint",)
    rate_at = rate_at()
    first_user = param("first_user", 800_000_001)
    user_count = param("user_count", 100_000)

    @task
    def ask_once(self) -> None:
        self.ask("endpoint", {"user": self.new_user()})
