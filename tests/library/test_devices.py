"""What is known of the computer, without torch."""

import subprocess
import sys

from engine.library import devices
from engine.library.devices import Device, Machine

GIB = 1024**3


def test_the_processor_is_always_a_device_and_its_memory_is_plausible() -> None:
    found = devices.machine()
    assert found.devices[-1].kind == "cpu"
    assert found.devices[-1].name
    assert 0 < found.memory_free <= found.memory_total
    assert 1 <= devices.physical_cores() <= found.cores


def test_nvidia_lines_become_devices_with_the_freest_first() -> None:
    answer = "NVIDIA A, 24576, 1000\nNVIDIA B, 8192, 8000\nbroken line\nNVIDIA C, [N/A], [N/A]\n"
    found = devices.parse_nvidia(answer, "")
    assert [(d.name, d.memory_total, d.memory_free) for d in found] == [
        ("NVIDIA B", 8 * GIB, 8000 * 1024**2),
        ("NVIDIA A", 24 * GIB, 1000 * 1024**2),
    ]


def test_a_device_that_cannot_be_used_is_never_chosen() -> None:
    cpu, gpu = Device("cpu", "P", 8, 4), Device("cuda", "G", 8, 8, "The build is for processors only.")
    machine = Machine("m", 2, 8, 4, (gpu, cpu))
    assert devices.choose_device(machine) == cpu
    assert devices.choose_device(machine, "cuda") is None
    assert devices.choose_device(Machine("m", 2, 8, 4, (Device("cuda", "G", 8, 8), cpu))).kind == "cuda"


def test_the_library_is_imported_without_torch_and_without_the_hub_client() -> None:
    modules = "devices, runs, models, folders, preferences"
    code = f"import sys; from engine.library import {modules}; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'torch'" not in loaded
    assert "'huggingface_hub'" not in loaded
    assert "'transformers'" not in loaded
