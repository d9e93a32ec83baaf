"""How much of the machine a worker takes. Everything here must come before torch is imported.

OpenMP threads sleep while they wait: threads that spin made a step three to five times slower as soon as another
program wanted a core. Headless runs take all cores. While a window is open (`TUNEWRIGHT_WINDOW=1`) the worker
yields to it: nice +10, and one core left free where there are four or more.
"""

import os
from collections.abc import MutableMapping

import psutil

from engine.library.devices import physical_cores

WINDOW_MARK = "TUNEWRIGHT_WINDOW"
NICENESS = 10
SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def be_courteous(environment: MutableMapping[str, str], threads: int | None = None) -> None:
    """Settle priority and threads by what `environment` says; it is changed for the libraries to come.

    `threads` is the user's preference; a number in the environment goes before it.
    """
    environment["HF_HUB_DISABLE_TELEMETRY"] = "1"
    environment["HF_HUB_DISABLE_UPDATE_CHECK"] = "1"
    environment.setdefault("TOKENIZERS_PARALLELISM", "false")
    if threads is not None:
        environment.setdefault("OMP_NUM_THREADS", str(threads))
    for name, value in SLEEPING.items():
        environment.setdefault(name, value)
    if environment.get(WINDOW_MARK) != "1":
        return
    environment.update(thread_settings(physical_cores(), environment.get("OMP_NUM_THREADS")))
    _lower_priority()


def thread_settings(cores: int, chosen: str | None) -> dict[str, str]:
    """OpenMP's settings beside a window; `chosen` is a number of threads that somebody set already.

    `cores` are physical: a second thread on one of them gains next to nothing.
    """
    settings = dict(SLEEPING)
    if chosen is None and cores >= 4:
        settings["OMP_NUM_THREADS"] = str(cores - 1)
    return settings


def _lower_priority() -> None:
    process = psutil.Process()
    if os.name == "nt":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    elif process.nice() < NICENESS:
        process.nice(NICENESS)
