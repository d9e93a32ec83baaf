"""Memory, processors and graphics devices of the computer, found without torch."""

import contextlib
import functools
import importlib.metadata
import math
import os
import platform
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_MIB = 1024 * 1024
_GROUP = Path("/sys/fs/cgroup")
_QUERY = "name,memory.total,memory.free,compute_cap"
_REFRESH_SECONDS = 10.0

# How much of its memory macOS lends to an Apple GPU ("recommendedMaxWorkingSetSize"): torch alone could ask for it.
_APPLE_SHARE, _APPLE_LARGE_SHARE = 2 / 3, 3 / 4
_APPLE_SMALL = 32 * 2**30

# Below this a model gains little from bfloat16 (measured: a quarter of the time) and its rounding shows:
# two million parameters have no reserve to hide it in.
SMALLEST_FOR_BFLOAT16 = 20_000_000


@dataclass(frozen=True)
class Device:
    """Something that can compute. Memory in bytes; `reason` says why it cannot be used ("" when it can).

    `has_bfloat16` tells that it computes in bfloat16 itself and does not merely imitate it.
    """

    kind: str
    name: str
    memory_total: int
    memory_free: int
    reason: str = ""
    has_bfloat16: bool = False


@dataclass(frozen=True)
class Machine:
    """The computer. `cores` is what this process may use; `devices` has the best one first, "cpu" always last."""

    name: str
    cores: int
    memory_total: int
    memory_free: int
    devices: tuple[Device, ...]


@dataclass(frozen=True)
class Memory:
    """Main memory in bytes, within the limit of a container."""

    total: int
    free: int


def machine(wait: bool = True) -> Machine:
    """Look at the computer now.

    Where there is an NVIDIA tool, its answer takes up to a second. With `wait` off (the window's main thread)
    its last answer is taken, and a newer one is asked for in the background.
    """
    memory = read_memory()
    processor, has_bfloat16 = _processor()
    cpu = Device("cpu", processor, memory.total, memory.free, has_bfloat16=has_bfloat16)
    devices = (*_NVIDIA.devices(wait), *_apple_devices(memory), cpu)
    return Machine(platform.node(), cores(), memory.total, memory.free, devices)


def choose_device(machine: Machine, kind: str = "auto") -> Device | None:
    """The device that a job's `device.kind` means: the first usable one for "auto"; None when there is none."""
    usable = (device for device in machine.devices if not device.reason)
    return next((device for device in usable if kind in ("auto", device.kind)), None)


def auto_dtype(device: Device, parameters: int) -> str:
    """What the dtype "auto" stands for: bfloat16 where the device has it and the model is large enough."""
    is_worth_it = device.has_bfloat16 and parameters >= SMALLEST_FOR_BFLOAT16
    return "bfloat16" if is_worth_it else "float32"


def read_memory() -> Memory:
    """Total and free main memory now, in well under a millisecond."""
    import psutil

    seen = psutil.virtual_memory()
    limit, used = _container_memory()
    if limit is None or limit >= seen.total:
        return Memory(seen.total, seen.available)
    return Memory(limit, max(0, min(seen.available, limit - used)))


def cores() -> int:
    """The logical cores that this process may use, within its container's share of processor time."""
    if hasattr(os, "sched_getaffinity"):  # Linux; the others have no such limit
        return int(min(len(os.sched_getaffinity(0)), _container_cores()))
    return os.cpu_count() or 1


def physical_cores() -> int:
    """The cores that compute on their own: two threads on one of them gain next to nothing."""
    import psutil

    return min(cores(), psutil.cpu_count(logical=False) or cores())


def _container_cores(group: Path = _GROUP) -> float:
    """Cores that the control group's share of time is worth, at least 1: more threads would only stop each other."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return max(1, math.floor(int(quota) / int(period)))
    except (OSError, ValueError):  # no such limit ("max"), or another system
        return math.inf


def _container_memory() -> tuple[int | None, int]:
    """Limit and use of the control group (Linux containers); no limit elsewhere."""
    try:
        limit = (_GROUP / "memory.max").read_text().strip()
        used = int((_GROUP / "memory.current").read_text())
        reclaimable = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None, 0
    cached = int(reclaimable.get("inactive_file", 0)) + int(reclaimable.get("active_file", 0))
    return (None if limit == "max" else int(limit)), max(0, used - cached)


@functools.cache
def _processor() -> tuple[str, bool]:
    """The processor's name, and whether it computes in bfloat16 (as far as the system tells: Linux only)."""
    name, flags = platform.processor() or platform.machine() or "Processor", ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = " ".join(value.split())
            elif key.strip() == "flags":
                flags = value
    return name, not {"avx512_bf16", "amx_tile"}.isdisjoint(flags.split())


class _Nvidia:
    """What `nvidia-smi` answered last, and when."""

    def __init__(self) -> None:
        self._found: list[Device] = []
        self._asked = -_REFRESH_SECONDS
        self._lock = threading.Lock()

    def devices(self, wait: bool) -> list[Device]:
        tool = shutil.which("nvidia-smi")
        if tool is None:
            return []
        if wait:
            self._ask(tool)
        elif time.monotonic() - self._asked >= _REFRESH_SECONDS and not self._lock.locked():
            threading.Thread(target=self._ask, args=(tool,), daemon=True).start()
        return list(self._found)

    def _ask(self, tool: str) -> None:
        command = [tool, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
        with self._lock:
            try:
                answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
            except (OSError, subprocess.SubprocessError):  # a tool without a driver
                answer = ""
            self._found = parse_nvidia(answer, _torch_without_cuda())
            self._asked = time.monotonic()


_NVIDIA = _Nvidia()


def parse_nvidia(answer: str, reason: str) -> list[Device]:
    """The devices in what `nvidia-smi` prints: a line each of name, MiB in total, MiB free, capability.

    bfloat16 came with capability 8.
    """
    devices = []
    for line in answer.splitlines():
        name, *numbers = (part.strip() for part in line.split(","))
        try:
            total, free, capability = (float(number) for number in numbers)
        except ValueError:  # "[N/A]", or a line of another kind
            continue
        memory = Memory(int(total) * _MIB, int(free) * _MIB)
        devices.append(Device("cuda", name, memory.total, memory.free, reason, capability >= 8.0))
    return sorted(devices, key=lambda device: device.memory_free, reverse=True)


def _apple_devices(memory: Memory) -> list[Device]:
    if platform.system() != "Darwin" or platform.machine() != "arm64":
        return []
    has_bfloat16 = int((platform.mac_ver()[0] or "0").split(".")[0]) >= 14
    # It shares the main memory, of which macOS lends it so much.
    total = int(memory.total * (_APPLE_SHARE if memory.total <= _APPLE_SMALL else _APPLE_LARGE_SHARE))
    free = min(memory.free, total)
    return [Device("mps", "Apple GPU", total, free, has_bfloat16=has_bfloat16)]


def _torch_without_cuda() -> str:
    """Why the installed torch cannot use NVIDIA devices, or ""."""
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return "torch is not installed."
    return "The installed torch is the build for processors only." if version.endswith("+cpu") else ""
