"""User classes for locustfiles; import it inside Locust only.

from sretool.load import HttpUser, task
"""

from locust import task

from sretool.load.client import Response
from sretool.load.generators import GeneratorUser
from sretool.load.open import OpenUser
from sretool.load.recorder import Recorder
from sretool.load.users import HttpUser

__all__ = ["GeneratorUser", "HttpUser", "OpenUser", "Recorder", "Response", "task"]
