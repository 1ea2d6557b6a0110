"""A pytest plugin for the process that tests what runs inside Locust: gevent comes before everything else.

`python -m pytest -p tests.load.patched tests/load`; without it the folder is not collected.
"""

from gevent import monkey

monkey.patch_all()
