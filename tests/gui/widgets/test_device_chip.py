from gui.widgets.device_chip import DeviceChip
from gui.widgets.progress import Progress


def test_it_shows_device_and_memory_and_warns_when_nearly_full():
    chip = DeviceChip()
    chip.set("CPU · 4 of 8 cores", "5.3 of 16 GB memory used", 0.33)
    assert chip.accessibleName() == "CPU · 4 of 8 cores, 5.3 of 16 GB memory used"
    bar = chip.findChild(Progress)
    assert bar.fraction() == 0.33
    assert bar._tone == "muted"
    chip.set("CPU · 4 of 8 cores", "15.6 of 16 GB memory used", 0.97)
    assert bar._tone == "warn"
