"""A TCP proxy that makes a network worse on demand and speaks Toxiproxy's HTTP API.

It stands permanently in a path (service → database), where it costs next to nothing as long as no toxic is
set. Clients of Toxiproxy 2.x work with it unchanged, and a real Toxiproxy can take its place. A delay counts
from the moment a piece of data arrived, so 200 ms stay 200 ms however much data is under way.
"""
