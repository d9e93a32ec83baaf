"""What is known of the computer, without torch."""

import math
import os
import subprocess
import sys
import time

import pytest

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
    answer = (
        "NVIDIA A, 24576, 1000, 8.6\nNVIDIA B, 8192, 8000, 7.5\nbroken line\nNVIDIA C, [N/A], [N/A], 9.0\n"
    )
    found = devices.parse_nvidia(answer, "")
    assert [(d.name, d.memory_total, d.memory_free, d.has_bfloat16) for d in found] == [
        ("NVIDIA B", 8 * GIB, 8000 * 1024**2, False),
        ("NVIDIA A", 24 * GIB, 1000 * 1024**2, True),
    ]


@pytest.fixture
def slow_tool(tmp_path, monkeypatch):
    """An `nvidia-smi` that answers after a third of a second."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nsleep 0.3\necho 'GPU, 1000, 500, 8.0'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(devices, "_NVIDIA", devices._Nvidia())


@pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")
def test_the_window_never_waits_for_the_nvidia_tool(slow_tool) -> None:
    begun = time.monotonic()
    assert [d.kind for d in devices.machine(wait=False).devices] == ["cpu"]
    assert time.monotonic() - begun < 0.25
    while len(devices.machine(wait=False).devices) < 2 and time.monotonic() - begun < 10:
        time.sleep(0.02)
    assert devices.machine(wait=False).devices[0].memory_free == 500 * 1024**2
    assert devices.machine().devices[0].name == "GPU"


@pytest.mark.parametrize(
    ("has_bfloat16", "parameters", "dtype"),
    [(True, 20_000_000, "bfloat16"), (True, 19_999_999, "float32"), (False, 10**9, "float32")],
)
def test_automatic_precision_is_bfloat16_where_it_is_native_and_worth_it(
    has_bfloat16, parameters, dtype
) -> None:
    device = Device("cpu", "P", 8, 4, has_bfloat16=has_bfloat16)
    assert devices.auto_dtype(device, parameters) == dtype


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


@pytest.mark.parametrize(("gib", "lent"), [(16, 16 * 2 / 3), (36, 27), (128, 96)])
def test_an_apple_gpu_has_what_macos_lends_it_of_the_main_memory(monkeypatch, gib, lent):
    monkeypatch.setattr(devices.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(devices.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(devices.platform, "mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    one = 2**30
    (found,) = devices._apple_devices(devices.Memory(gib * one, gib * one))
    assert found.memory_total == found.memory_free == pytest.approx(lent * one)
    (found,) = devices._apple_devices(devices.Memory(gib * one, 2 * one))
    assert found.memory_free == 2 * one


@pytest.mark.parametrize(
    ("written", "expected"),
    [("max 100000\n", math.inf), ("200000 100000\n", 2), ("250000 100000\n", 2), ("50000 100000\n", 1)],
)
def test_a_containers_share_of_time_counts_in_whole_cores(written, expected, tmp_path):
    (tmp_path / "cpu.max").write_text(written)
    assert devices._container_cores(tmp_path) == expected


def test_without_a_control_group_there_is_no_such_limit(tmp_path):
    assert devices._container_cores(tmp_path) == math.inf
