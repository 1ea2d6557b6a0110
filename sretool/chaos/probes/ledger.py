"""What a client ledger found; start it with `sretool.chaos.actions.ledger.start_ledger`, and stop it before.

`name` is that of the ledger. What it does not know is no answer: the probe fails.
"""

from __future__ import annotations

from typing import Any

from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions.ledger import result


def acked(name: str = "writes") -> int:
    """How many writes were acknowledged."""
    return int(_known(name, "acked"))


def lost(name: str = "writes") -> int:
    """How many acknowledged writes are gone."""
    return int(_known(name, "lost"))


def duplicated(name: str = "writes") -> int:
    """How many writes are there more often than once."""
    return int(_known(name, "duplicated"))


def resurrected(name: str = "writes") -> int:
    """How many writes that were refused are there all the same."""
    return int(_known(name, "resurrected"))


def rto(name: str = "writes") -> float:
    """Seconds from the fault until writes through the service succeeded again for good."""
    return float(_known(name, "rto_s"))


def database_rto(name: str = "writes") -> float:
    """Seconds from the fault until a database server accepted writes again for good."""
    return float(_known(name, "rto_database_s"))


def rpo(name: str = "writes") -> float:
    """Seconds of acknowledged writes that are gone; 0 where none is."""
    return float(_known(name, "rpo_s"))


def split_brain(name: str = "writes") -> bool:
    """Whether two database servers accepted writes at one time."""
    return bool(_known(name, "split_brain"))


def redundant(name: str = "writes") -> bool:
    """Whether at the end every other server streamed from the primary and had all its writes."""
    return bool(_known(name, "redundant"))


def instance_back(instance: str, name: str = "writes") -> float:
    """Seconds from the fault to the first write that this instance of the service acknowledged after it."""
    found = next((each for each in result(name)["instances"] if each["name"] == instance), None)
    fault = result(name)["fault_at"]
    if found is None or fault is None or found["first_ack_after_at"] is None:
        raise ActivityFailed(f"{instance} acknowledged no write after a fault that the ledger knows")
    return float(found["first_ack_after_at"]) - float(fault)


def _known(name: str, key: str) -> Any:
    value = result(name)[key]
    if value is None:
        raise ActivityFailed(f"the ledger {name!r} does not know {key}")
    return value
