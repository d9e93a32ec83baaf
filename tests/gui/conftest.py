"""A window system without a screen, the app in its theme, and a test that fails when Qt complains."""

import gc
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QEvent, QLocale, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from gui import theme

HARMLESS = ("This plugin does not support",)
"""What the offscreen platform says about itself."""


@pytest.fixture(scope="session")
def qapp():
    """The application, in light clothes, with English numbers."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    gc.disable()  # as gui.collector does: another thread of the tests must not free Qt's objects
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    theme.apply_theme(app, "light")
    return app


@pytest.fixture
def complaints():
    """What Qt said during the test, without what the offscreen platform says about itself."""
    said = []

    def hear(kind, _context, message):
        if kind != QtMsgType.QtInfoMsg and not message.startswith(HARMLESS):
            said.append(message)

    before = qInstallMessageHandler(hear)
    yield said
    qInstallMessageHandler(before)


@pytest.fixture(autouse=True)
def _quiet_and_tidy(qapp, complaints):
    """Every test begins in light clothes, closes its windows and makes Qt say nothing."""
    yield
    # Close, but leave deleting to who owns the widget: pyqtgraph's hidden menus are top-level widgets, too.
    for widget in QApplication.topLevelWidgets():
        if widget.isVisible():
            widget.close()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if theme.current() is not theme.LIGHT or theme.scale() != 1.0:
        theme.apply_theme(qapp, "light")
    assert complaints == []
