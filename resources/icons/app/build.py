"""Draws `tunewright.svg` into the other icon files beside it: PNG sizes for Linux, .ico for Windows, .icns for macOS.

Run it after changing the drawing: `.venv/bin/python resources/icons/app/build.py`. The files are kept in the project.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QBuffer, QIODevice, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

HERE = Path(__file__).resolve().parent
PNG_SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
ICO_SIZES = (16, 24, 32, 48, 64, 256)
ICNS_SIZES = {b"icp4": 16, b"icp5": 32, b"icp6": 64, b"ic07": 128, b"ic08": 256, b"ic09": 512}


def main() -> None:
    """Write every file anew."""
    app = QGuiApplication([])
    renderer = QSvgRenderer(str(HERE / "tunewright.svg"))
    pictures = {size: png(renderer, size) for size in PNG_SIZES}
    for size, data in pictures.items():
        (HERE / f"tunewright-{size}.png").write_bytes(data)
    (HERE / "tunewright.ico").write_bytes(ico({size: pictures[size] for size in ICO_SIZES}))
    (HERE / "tunewright.icns").write_bytes(icns({kind: pictures[size] for kind, size in ICNS_SIZES.items()}))
    app.quit()


def png(renderer: QSvgRenderer, size: int) -> bytes:
    """The drawing as a PNG of size x size pixels, transparent outside its corners."""
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # PySide's stubs know only file names here
    return bytes(buffer.data().data())


def ico(pictures: dict[int, bytes]) -> bytes:
    """A Windows icon that holds PNG pictures by their size: a header, a directory, the pictures."""
    directory, offset = b"", 6 + 16 * len(pictures)
    for size, data in pictures.items():
        edge = size % 256  # 256 is written as 0
        directory += struct.pack("<BBBBHHII", edge, edge, 0, 0, 1, 32, len(data), offset)
        offset += len(data)
    return struct.pack("<HHH", 0, 1, len(pictures)) + directory + b"".join(pictures.values())


def icns(pictures: dict[bytes, bytes]) -> bytes:
    """A macOS icon that holds PNG pictures by their four-letter kind."""
    body = b"".join(kind + struct.pack(">I", 8 + len(data)) + data for kind, data in pictures.items())
    return b"icns" + struct.pack(">I", 8 + len(body)) + body


if __name__ == "__main__":
    main()
