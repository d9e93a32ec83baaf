"""Sets the properties that the style sheet selects on, and tells the style about the change."""

from PySide6.QtWidgets import QWidget


def set_look(widget: QWidget, **properties: str | bool) -> None:
    """Set properties such as `role`, `tone` or `kind` and restyle the widget if one changed."""
    changed = False
    for name, value in properties.items():
        if widget.property(name) != value:
            widget.setProperty(name, value)
            changed = True
    if changed:
        style = widget.style()
        style.unpolish(widget)
        style.polish(widget)
        widget.update()
