"""The one style sheet, built from the tokens. `$name` is a token, `$p13` thirteen pixels times the text size."""

import dataclasses
import re
from string import Template

from gui.theme.assets import ICONS
from gui.theme.tokens import Tokens

_TEXTS = """
* { font-size: $p13; }
QWidget { color: $text; selection-background-color: $accent; selection-color: $on_accent; }
QMainWindow, QDialog, QWidget[role="page"] { background: $background; }
QLabel, QCheckBox, QRadioButton { background: transparent; }
QLabel[role="title"] { font-size: $p21; font-weight: 600; }
QLabel[role="hero"] { font-size: $p26; font-weight: 600; }
QLabel[role="heading"] { font-size: $p14; font-weight: 600; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="medium"] { font-weight: 500; }
QLabel[role="value"] { font-size: $p22; font-weight: 600; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="small"] { font-size: $p12; color: $muted; }
QLabel[role="smalltext"] { font-size: $p12; }
QLabel[role="smalltext"][tone="good"], QLabel[role="smalltext"][tone="warn"] { font-weight: 500; }
QLabel[role="smallstrong"] { font-size: $p12; font-weight: 600; }
QLabel[tone="good"] { color: $good; }
QLabel[tone="warn"] { color: $warn; }
QLabel[tone="bad"] { color: $bad; }
QLabel[tone="accent"] { color: $accent; }
QLabel[tone="muted"] { color: $muted; }
QToolTip { background: $inverse; color: $on_inverse; border: 1px solid $inverse; padding: 4px 6px; font-size: $p12; }
"""

_GROUNDS = """
QFrame[role="card"] { background: $card; border: 1px solid $line; border-radius: 10px; }
QFrame[role="card"][tone="selected"] { border: 2px solid $accent; }
QFrame[role="card"][tone="bad"] { border: 1px solid $bad; }
QFrame[role="note"] { background: $note; border: none; border-radius: 8px; }
QFrame[role="tinted"] { background: $accent_soft; border: none; border-radius: 8px; }
QFrame[role="notice"] { border: none; border-radius: 8px; background: $accent_soft; }
QFrame[role="notice"][tone="good"] { background: $good_soft; }
QFrame[role="notice"][tone="warn"] { background: $warn_soft; }
QFrame[role="notice"][tone="bad"] { background: $bad_soft; }
QFrame[role="line"] { background: $line; border: none; max-height: 1px; min-height: 1px; }
QFrame[role="column-line"] { background: $line; border: none; max-width: 1px; min-width: 1px; }
QFrame[role="rail"] { background: $rail; border: none; border-right: 1px solid $line; }
QFrame[role="segment"] { background: $segment; border: none; border-radius: 8px; }
QScrollArea, QScrollArea > QWidget > QWidget[role="scrolled"] { background: transparent; border: none; }
QStackedWidget { background: transparent; }
QSplitter::handle { background: transparent; }
"""

_BUTTONS = """
QPushButton { background: $card; border: 1px solid $line; border-radius: 8px; padding: 0 $p13; min-height: $p30;
  font-weight: 600; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $track; }
QPushButton:focus { border: 1px solid $accent; }
QPushButton:disabled { background: $background; border: 1px dashed $dashed; color: $muted; }
QPushButton[compact="true"] { min-height: $p24; padding: 0 $p10; font-size: $p12; border-radius: 6px; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent; border: 1px solid $accent; }
QPushButton[kind="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; }
QPushButton[kind="primary"]:disabled { background: $background; border: 1px dashed $dashed; color: $muted; }
QPushButton[kind="danger"] { color: $bad; }
QPushButton[kind="danger"]:disabled { color: $muted; }
QPushButton[kind="quiet"] { background: transparent; border: 1px solid transparent; font-weight: 500; }
QPushButton[kind="quiet"]:hover { background: $hover; }
QPushButton[kind="quiet"]:focus { border: 1px solid $accent; }
QPushButton[kind="icon"] { padding: 0; min-width: $p30; max-width: $p30; }
QPushButton[kind="icon"][compact="true"] { min-width: $p24; max-width: $p24; }
QPushButton[kind="link"] { background: transparent; border: 1px solid transparent; border-radius: 4px; color: $accent;
  padding: 0 2px; min-height: $p18; font-weight: 500; }
QPushButton[kind="link"]:hover { text-decoration: underline; }
QPushButton[kind="link"]:focus { border: 1px solid $accent; }
QPushButton[kind="link"]:disabled { color: $muted; }
QPushButton[role="segment"] { background: transparent; border: 1px solid transparent; border-radius: 6px;
  color: $muted; min-height: $p22; padding: 0 $p12; font-weight: 500; }
QPushButton[role="segment"]:hover { color: $text; }
QPushButton[role="segment"]:checked { background: $segment_on; color: $text; font-weight: 600; }
QPushButton[role="segment"]:focus { border: 1px solid $accent; }
QPushButton[role="segment"]:disabled { color: $dashed; border: none; background: transparent; }
"""

_FIELDS = """
QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox, QComboBox { background: $field; color: $text;
  border: 1px solid $line; border-radius: 8px; padding: 0 $p10; min-height: $p30; }
QPlainTextEdit, QTextEdit { padding: $p6 $p8; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus, QComboBox:focus {
  border: 1px solid $accent; }
QLineEdit:disabled, QPlainTextEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled { background: $background;
  color: $muted; border: 1px dashed $dashed; }
QLineEdit[invalid="true"], QAbstractSpinBox[invalid="true"] { border: 1px solid $bad; }
QPlainTextEdit[role="plain"] { background: transparent; border: none; padding: 0; min-height: 0; }
QAbstractSpinBox QLineEdit { border: none; background: transparent; padding: 0; min-height: 0; }
QComboBox { padding-right: $p28; }
QComboBox:hover { background: $hover; }
QLineEdit[compact="true"] { min-height: $p24; padding: 0 $p8; font-size: $p12; border-radius: 6px; }
QComboBox[compact="true"] { min-height: $p24; font-size: $p12; border-radius: 6px; padding-right: $p4; }
QComboBox[tone="accent"] { background: $accent_soft; border: 1px solid $accent; color: $accent; font-weight: 600; }
QComboBox::drop-down { border: none; width: $p28; subcontrol-position: center right; }
QComboBox::down-arrow { image: url($controls/chevron-down-$name.svg); width: $p14; height: $p14; }
QComboBox QAbstractItemView { background: $card; border: 1px solid $line; outline: none; padding: 4px;
  selection-background-color: $accent_soft; selection-color: $text; }
QComboBox QAbstractItemView::item { min-height: $p28; padding: 0 $p8; border-radius: 6px; }
QAbstractSpinBox { padding-right: $p22; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { border: none; background: transparent; width: $p22; }
QAbstractSpinBox::up-button { subcontrol-position: top right; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; }
QAbstractSpinBox::up-arrow { image: url($controls/chevron-up-$name.svg); width: $p12; height: $p12; }
QAbstractSpinBox::down-arrow { image: url($controls/chevron-down-$name.svg); width: $p12; height: $p12; }
QCheckBox, QRadioButton { spacing: $p8; min-height: $p22; border: 1px solid transparent; border-radius: 4px; }
QCheckBox::indicator, QAbstractItemView::indicator { width: $p14; height: $p14; border: 1px solid $muted;
  border-radius: 4px; background: $card; }
QCheckBox::indicator:checked, QAbstractItemView::indicator:checked { background: $accent; border-color: $accent;
  image: url($controls/check-$name.svg); }
QRadioButton::indicator { width: $p14; height: $p14; border: 1px solid $muted; border-radius: $p8;
  background: $card; }
QRadioButton::indicator:checked { background: $accent; border-color: $accent;
  image: url($controls/dot-$name.svg); }
QCheckBox:focus, QRadioButton:focus { border: 1px solid $accent; }
QCheckBox:disabled, QRadioButton:disabled { color: $muted; }
QSlider { min-height: $p22; background: transparent; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $track; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: $accent; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; background: $accent; }
QSlider::handle:horizontal:focus { width: 10px; height: 10px; margin: -6px 0; border-radius: 8px; background: $card;
  border: 3px solid $accent; }
QSlider::sub-page:horizontal:disabled, QSlider::handle:horizontal:disabled { background: $dashed; }
"""

_LISTS = """
QAbstractItemView { background: transparent; border: none; outline: none; color: $text;
  selection-background-color: $accent_soft; selection-color: $text; alternate-background-color: $note; }
QAbstractItemView:focus { border: 1px solid $accent; border-radius: 6px; }
QTableView { gridline-color: transparent; }
QListView::item { border-radius: 8px; padding: $p4 $p8; }
QTableView::item { padding: 0 $p8; border: none; }
QListView::item:hover, QTableView::item:hover { background: $hover; }
QListView::item:selected, QTableView::item:selected { background: $accent_soft; color: $text; }
QHeaderView { background: transparent; border: none; }
QHeaderView::section { background: transparent; color: $muted; border: none; border-bottom: 1px solid $line;
  padding: $p4 $p8; font-size: $p12; font-weight: 400; }
QTableCornerButton::section { background: transparent; border: none; }
QMenu { background: $card; border: 1px solid $line; padding: 4px; }
QMenu::item { padding: $p6 $p24 $p6 $p12; border-radius: 6px; background: transparent; }
QMenu::item:selected { background: $accent_soft; color: $text; }
QMenu::item:disabled { color: $muted; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle { background: $track; border-radius: 3px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $dashed; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
"""

_SHEET = _TEXTS + _GROUNDS + _BUTTONS + _FIELDS + _LISTS
_LENGTH = re.compile(r"\$p(\d+)")


def build(tokens: Tokens, scale: float) -> str:
    """The application's style sheet for these tokens and this text size."""
    sized = _LENGTH.sub(lambda match: f"{round(int(match[1]) * scale)}px", _SHEET)
    controls = (ICONS / "controls").as_posix()
    return Template(sized).substitute(dataclasses.asdict(tokens), controls=controls)
