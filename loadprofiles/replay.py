"""The requests of an access log, at the times they were made."""

from sretool.load.parameters import data, param, requests
from sretool.load.replay import ReplayShape, ReplayUser


class Replay(ReplayUser):
    requests = requests()
    log = data("log")
    format = param("format", "auto")
    speed = param("speed", 1.0)
    methods = frozenset(param("methods", "GET,HEAD,OPTIONS").replace(" ", "").split(","))
    first_user = param("first_user", 800_000_001)
    user_count = param("user_count", 100_000)


class ToTheEnd(ReplayShape):
    users = Replay
    limit = param("limit", 0.0)
