"""Bytes through each proxy, and what this process takes, in Prometheus's text format."""

from __future__ import annotations

import os
import resource
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.chaos.proxy.proxies import Proxy

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_STARTED: Final = time.time()


def exposition(proxies: Iterable[Proxy]) -> str:
    listed = list(proxies)
    lines = []
    for name in ("received", "sent"):
        metric = f"toxiproxy_proxy_{name}_bytes_total"
        lines += [f"# HELP {metric} Bytes {name} on a stream of a proxy.", f"# TYPE {metric} counter"]
        for proxy in listed:
            for stream, counts in proxy.counts.items():
                labels = {
                    "direction": stream.value,
                    "listener": proxy.listen,
                    "proxy": proxy.name,
                    "upstream": proxy.upstream,
                }
                lines.append(f"{metric}{{{_labels(labels)}}} {getattr(counts, name)}")
    lines += _process()
    return "\n".join(lines) + "\n"


def _process() -> list[str]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        ("process_cpu_seconds_total", "counter", "Seconds of CPU used."): used.ru_utime + used.ru_stime,
        ("process_resident_memory_bytes", "gauge", "Memory in use, in bytes."): _resident(),
        ("process_start_time_seconds", "gauge", "Start, in seconds since the epoch."): _STARTED,
    }
    lines = []
    for (name, kind, text), value in figures.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", f"{name} {value}"]
    return lines


def _resident() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
