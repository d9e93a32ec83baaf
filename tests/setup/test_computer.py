"""What the set-up decides from this computer: libraries, the line for apt, displays."""

import re
import socket
import sys

import pytest

import computer
from computer import Need, Problem


@pytest.fixture
def linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")


def without(monkeypatch, *names):
    """Pretend that these programs are not installed, and all others are."""
    monkeypatch.setattr(computer.shutil, "which", lambda name: None if name in names else f"/usr/bin/{name}")


def record_apt(monkeypatch, failure=""):
    calls = []
    monkeypatch.setattr(
        computer,
        "apt_get",
        lambda *words: calls.append(words) or (failure and words[0] == "install" and failure),
    )
    return calls


def test_a_library_that_cannot_be_loaded_is_missing(linux):
    needs = [Need("libc.so.6", "libc6"), Need("libtunewright-no-such.so.1", "no-such")]
    assert computer.missing_libraries(needs) == needs[1:]


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_only_linux_needs_system_libraries_and_programs(monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    absent = [Need("no-such-file", "no-such")]
    assert computer.missing_libraries(absent) == []
    assert computer.missing_programs(absent) == []


def test_a_program_that_is_not_on_the_path_is_missing(linux, monkeypatch):
    without(monkeypatch, "Xvfb", "appstreamcli")
    assert [need.package for need in computer.missing_programs()] == ["xvfb", "appstream"]


def test_an_ordinary_user_gets_the_exact_line_for_apt_and_exit_code_2(monkeypatch):
    without(monkeypatch)
    monkeypatch.setattr(computer.os, "geteuid", lambda: 1000)
    calls = record_apt(monkeypatch)
    with pytest.raises(Problem) as problem:
        computer.provide([Need("libEGL.so.1", "libegl1"), Need("libGL.so.1", "libgl1")])
    assert "sudo apt-get install -y libegl1 libgl1" in str(problem.value).splitlines()[1]
    assert problem.value.code == 2
    assert calls == []


def test_root_installs_the_missing_packages_after_an_update(monkeypatch):
    without(monkeypatch)
    monkeypatch.setattr(computer.os, "geteuid", lambda: 0)
    calls = record_apt(monkeypatch)
    computer.provide([Need("libEGL.so.1", "libegl1")])
    assert [words[0] for words in calls] == ["update", "install"]
    assert calls[1][-1] == "libegl1"


def test_root_learns_why_apt_failed(monkeypatch):
    without(monkeypatch)
    monkeypatch.setattr(computer.os, "geteuid", lambda: 0)
    record_apt(monkeypatch, failure="E: Unable to locate package libegl1")
    with pytest.raises(Problem, match="Unable to locate package libegl1"):
        computer.provide([Need("libEGL.so.1", "libegl1")])


def test_a_linux_without_apt_is_told_the_files_that_are_missing(monkeypatch):
    without(monkeypatch, "apt-get")
    with pytest.raises(Problem, match=r"lacks libEGL\.so\.1, libGL\.so\.1") as problem:
        computer.provide([Need("libEGL.so.1", "libegl1"), Need("libGL.so.1", "libgl1")])
    assert "apt-get" not in str(problem.value)


def test_nothing_missing_asks_for_nothing(monkeypatch):
    without(monkeypatch, "apt-get")
    computer.provide([])


def test_every_need_names_a_file_and_a_debian_package():
    for need in (*computer.WINDOW_LIBRARIES, *computer.TEST_PROGRAMS):
        assert re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", need.package)
        assert need.file


def test_windows_and_macos_always_have_a_display():
    assert computer.has_display("win32", {})
    assert computer.has_display("darwin", {})


def test_linux_without_a_named_display_has_none():
    assert not computer.has_display("linux", {})
    assert not computer.has_display("linux", {"DISPLAY": ""})


def test_a_chosen_qt_platform_counts_as_a_display():
    assert computer.has_display("linux", {"QT_QPA_PLATFORM": "offscreen"})


def test_a_display_where_nobody_answers_is_none(tmp_path):
    assert not computer.has_display(
        "linux", {"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}
    )


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="display servers with sockets are Linux' own"
)
def test_a_display_server_that_answers_is_found(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-7"))
        server.listen()
        assert computer.has_display(
            "linux", {"WAYLAND_DISPLAY": "wayland-7", "XDG_RUNTIME_DIR": str(tmp_path)}
        )


def test_x11_displays_are_sockets_here_and_ports_elsewhere():
    assert "/tmp/.X11-unix/X3" in computer.display_addresses({"DISPLAY": ":3"})
    assert computer.display_addresses({"DISPLAY": "localhost:10.0"}) == [("localhost", 6010)]
    assert computer.display_addresses({"DISPLAY": "nonsense"}) == []


def test_an_old_python_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 12))
    monkeypatch.setattr(computer.platform, "python_version", lambda: "3.10.12")
    without(monkeypatch, "python3.14", "python3.13")
    with pytest.raises(Problem) as problem:
        computer.refuse_unfit_python()
    assert (
        str(problem.value)
        == "Tunewright needs Python 3.11 or newer and this is 3.10.12: start it with python3.12 run.py."
    )
    assert problem.value.code == 2


def test_an_intel_mac_is_told_that_there_is_no_pytorch(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(computer.platform, "machine", lambda: "x86_64")
    with pytest.raises(Problem, match="Intel Macs"):
        computer.refuse_unfit_python()
