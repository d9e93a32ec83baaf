import os
import sys

import pytest

from engine.library import launch
from engine.library.launch import allocator_settings, start_worker

CHOSEN = "glibc.malloc.perturb=1"


def test_glibc_keeps_memory_and_merges_pieces_on_linux_unless_somebody_chose():
    settings = allocator_settings("linux", {})["GLIBC_TUNABLES"].split(":")
    values = dict(part.removeprefix("glibc.malloc.").split("=") for part in settings)
    assert int(values["mmap_threshold"]) == 32 * 2**20  # the highest that glibc takes
    assert int(values["trim_threshold"]) > int(values["mmap_threshold"])
    assert (values["tcache_count"], values["mxfast"]) == ("0", "0")
    assert allocator_settings("linux", {"GLIBC_TUNABLES": CHOSEN}) == {}
    assert allocator_settings("darwin", {}) == allocator_settings("win32", {}) == {}


@pytest.mark.parametrize("chosen", [None, CHOSEN])
def test_a_worker_begins_with_these_settings_and_the_windows_process_keeps_its_own(
    chosen, tmp_path, monkeypatch
):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if chosen is not None:
        monkeypatch.setenv("GLIBC_TUNABLES", chosen)
    seen = tmp_path / "seen"
    code = f"import os; open({str(seen)!r}, 'w').write(os.environ.get('GLIBC_TUNABLES', ''))"
    monkeypatch.setattr(launch, "worker_command", lambda argument: [sys.executable, "-c", code])
    worker = start_worker(None)
    worker.stdin.close()
    assert worker.wait(60) == 0
    expected = chosen or allocator_settings(sys.platform, {}).get("GLIBC_TUNABLES", "")
    assert seen.read_text() == expected
    assert os.environ.get("GLIBC_TUNABLES") == chosen
