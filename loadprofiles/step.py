"""Users without patience: the next request as soon as there is an answer."""

from collections.abc import Iterator
from typing import Any

from locust import task

from sretool.load.generators import GeneratorUser
from sretool.load.mapped import MappedUser
from sretool.load.parameters import param, requests


class Impatient(GeneratorUser, MappedUser):
    requests = requests()
    needs = ("endpoint",)
    first_user = param("first_user", 800_000_001)
    user_count = param("user_count", 100_000)

    @task
    def ask_again(self) -> Iterator[Any]:
        yield self.prepared["endpoint"].command(self, {"user": self.new_user()})
