"""Users who ask more than they may, and wait when they are told to."""

from typing import Any

from locust import task

from sretool.load.mapped import MappedUser
from sretool.load.parameters import param, requests, think_time


class Insistent(MappedUser):
    requests = requests()
    needs = ("endpoint",)
    heeds_limits = True
    wait_time = think_time(0.05)
    first_user = param("first_user", 800_000_001)
    user_count = param("user_count", 100_000)

    values: dict[str, Any]

    def on_start(self) -> None:
        # Limits are counted for each user.
        self.values = {"user": self.new_user()}

    @task
    def ask_again(self) -> None:
        self.ask("endpoint", self.values)
        self.wait_as_told()
