"""Memory, processors and graphics devices of the computer, found without torch."""

import functools
import importlib.metadata
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_MIB = 1024 * 1024
_QUERY = "name,memory.total,memory.free"


@dataclass(frozen=True)
class Device:
    """Something that can compute. Memory in bytes; `reason` says why it cannot be used ("" when it can)."""

    kind: str
    name: str
    memory_total: int
    memory_free: int
    reason: str = ""


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


def machine() -> Machine:
    """Look at the computer now. Takes up to a second where an NVIDIA tool answers: not for the main thread."""
    memory = read_memory()
    cpu = Device("cpu", _processor_name(), memory.total, memory.free)
    devices = (*_nvidia_devices(), *_apple_devices(memory), cpu)
    return Machine(platform.node(), cores(), memory.total, memory.free, devices)


def choose_device(machine: Machine, kind: str = "auto") -> Device | None:
    """The device that a job's `device.kind` means: the first usable one for "auto"; None when there is none."""
    usable = (device for device in machine.devices if not device.reason)
    return next((device for device in usable if kind in ("auto", device.kind)), None)


def read_memory() -> Memory:
    """Total and free main memory now, in well under a millisecond."""
    import psutil

    seen = psutil.virtual_memory()
    limit, used = _container_memory()
    if limit is None or limit >= seen.total:
        return Memory(seen.total, seen.available)
    return Memory(limit, max(0, min(seen.available, limit - used)))


def cores() -> int:
    """The logical cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux; the others have no such limit
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def physical_cores() -> int:
    """The cores that compute on their own: two threads on one of them gain next to nothing."""
    import psutil

    return min(cores(), psutil.cpu_count(logical=False) or cores())


def _container_memory() -> tuple[int | None, int]:
    """Limit and use of the control group (Linux containers); no limit elsewhere."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        reclaimable = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None, 0
    cached = int(reclaimable.get("inactive_file", 0)) + int(reclaimable.get("active_file", 0))
    return (None if limit == "max" else int(limit)), max(0, used - cached)


@functools.cache
def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.split(":", 1)[1].split())
    except OSError:
        pass
    return platform.processor() or platform.machine() or "Processor"


def _nvidia_devices() -> list[Device]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return parse_nvidia(answer.stdout, _torch_without("cuda"))


def parse_nvidia(answer: str, reason: str) -> list[Device]:
    """The devices in what `nvidia-smi` prints (one line each: name, MiB in total, MiB free)."""
    devices = []
    for line in answer.splitlines():
        name, _, rest = line.partition(",")
        numbers = [part.strip() for part in rest.split(",")]
        if len(numbers) == 2 and all(number.isdigit() for number in numbers):
            total, free = (int(number) * _MIB for number in numbers)
            devices.append(Device("cuda", name.strip(), total, free, reason))
    return sorted(devices, key=lambda device: device.memory_free, reverse=True)


def _apple_devices(memory: Memory) -> list[Device]:
    if platform.system() != "Darwin" or platform.machine() != "arm64":
        return []
    return [Device("mps", "Apple GPU", memory.total, memory.free)]  # it shares the main memory


def _torch_without(kind: str) -> str:
    """Why the installed torch cannot use NVIDIA devices, or ""."""
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return "torch is not installed."
    return "The installed torch is the build for processors only." if version.endswith("+cpu") else ""
