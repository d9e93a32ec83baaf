"""The files that put Tunewright into a Linux desktop: valid, and of one mind with the program."""

import configparser
import shutil
import struct
import subprocess
from xml.etree import ElementTree

import pytest

from engine import __version__
from environment import ROOT

NAME = "io.github.tunewright.Tunewright"
DESKTOP = ROOT / "packaging" / "linux" / f"{NAME}.desktop"
METAINFO = ROOT / "packaging" / "linux" / f"{NAME}.metainfo.xml"
ICONS = ROOT / "resources" / "icons" / "app"

pytestmark = pytest.mark.packaging


def validate(*command):
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed here")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_desktop_entry_is_valid():
    assert validate("desktop-file-validate", DESKTOP) == ""


def test_the_appstream_metadata_is_valid():
    validate("appstreamcli", "validate", "--no-net", METAINFO)


def test_the_desktop_entry_and_the_metadata_name_each_other():
    component = ElementTree.parse(METAINFO).getroot()
    assert component.findtext("id") == NAME
    assert component.findtext("launchable") == DESKTOP.name
    assert component.findtext("icon") == desktop_entry()["Icon"] == NAME


def test_the_metadata_tells_this_version():
    assert ElementTree.parse(METAINFO).getroot().find("releases/release").get("version") == __version__


def test_the_menu_starts_the_program_that_opens_the_window():
    assert desktop_entry()["Exec"] == "tunewright"


def test_the_window_names_its_desktop_entry_so_that_the_dock_finds_the_icon():
    assert f'setDesktopFileName("{DESKTOP.stem}")' in (ROOT / "gui" / "app.py").read_text(encoding="utf-8")


def desktop_entry():
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str
    entry.read(DESKTOP, encoding="utf-8")
    return entry["Desktop Entry"]


@pytest.mark.parametrize("size", [16, 24, 32, 48, 64, 128, 256, 512])
def test_every_icon_has_the_size_of_its_name(size):
    header = (ICONS / f"tunewright-{size}.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:24]) == (size, size)
