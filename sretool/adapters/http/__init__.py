"""HTTP to the servers sretool reads from: deadlines, identification, and every failure as a SourceError.

Adapters say what to ask and what an answer means; how a question travels is decided in here.
"""

from sretool.adapters.http.exchange import LARGEST_REPLY, HttpReply, HttpRequest
from sretool.adapters.http.source import DEADLINE, HttpSource

__all__ = ["DEADLINE", "LARGEST_REPLY", "HttpReply", "HttpRequest", "HttpSource"]
