"""What the model sees of one row: its tokens, or its text."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from engine.job.events import RowView, Token
from engine.job.job import Job
from engine.job.sections import RowsSection
from engine.job.settings import Setting, setting_fields
from gui.widgets.card import Card, Note
from gui.widgets.flow import Flow
from gui.widgets.labels import Label, Line, TermLabel
from gui.widgets.plain_text import PlainText
from gui.widgets.segmented import Segmented
from gui.widgets.select import Select
from gui.widgets.token_legend import TokenLegend
from gui.widgets.token_view import TokenView


class TokensCard(Card):
    """One view for rows with one answer; prompt, chosen and rejected for preferences.

    `changed(dotted, value)` when another part is to be learned from, or another template taken.
    """

    changed = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, title=self.tr("What the model sees"), subtle=" ")
        self.mode = Segmented(
            [("tokens", self.tr("Tokens")), ("text", self.tr("Text"))], "tokens", self.tr("Show")
        )
        self.mode.changed.connect(self._choose)
        self.add_to_header(self.mode)
        self.stack = QStackedWidget()
        tokens = QWidget()
        layout = QVBoxLayout(tokens)
        layout.setContentsMargins(0, 0, 0, 0)
        self.view = TokenView(self.tr("Tokens of the row"))
        layout.addWidget(self.view, 1)
        self.pair = QWidget()
        pair = QHBoxLayout(self.pair)
        pair.setContentsMargins(0, 0, 0, 0)
        pair.setSpacing(12)
        self.chosen = self._side(pair, self.tr("More likely"), self.tr("chosen"))
        self.rejected = self._side(pair, self.tr("Less likely"), self.tr("rejected"))
        layout.addWidget(self.pair, 2)
        self.stack.addWidget(tokens)
        self.text = PlainText("", self.tr("Text of the row"), lines=0)
        self.stack.addWidget(self.text)
        self.body.addWidget(self.stack, 1)
        self.problem = Label("", "smalltext", tone="warn", wrap=True)
        self.body.addWidget(self.problem)
        self.body.addWidget(Line())
        self.body.addLayout(self._choices())
        self.legend = TokenLegend()
        self.body.addWidget(self.legend)
        self.pair.hide()

    def fill(self, job: Job) -> None:
        """Follow the draft: what is learned from, and how a conversation is written."""
        self.train_on.set_value(job.rows.train_on)
        self.template.set_value(job.rows.template)

    def show_row(self, row: RowView) -> None:
        """Show a row's tokens."""
        is_pair = bool(row.rejected)
        self.legend.set_preference(is_pair)
        self.pair.setVisible(is_pair)
        learned = sum(token.kind == "trained" for token in row.tokens)
        words = self.tr("row {number} · {tokens} tokens · {learned} are learned from")
        subtle = words.format(number=row.number, tokens=len(row.tokens), learned=learned)
        marks = {True: self.tr("a good answer"), False: self.tr("a bad answer")}
        self.set_subtle(subtle if row.label is None else f"{subtle} · {marks[row.label]}")
        left_out = self.tr("This row is left out: {reason}").format(reason=row.problem)
        self.problem.setText(row.problem if row.is_used else left_out)
        self.problem.setVisible(bool(row.problem))
        if is_pair:
            self._show_pair(row)
        else:
            self.view.set_tokens(_painted(row.tokens))
        self.text.set_text("\n\n".join(f"{name}: {value}" for name, value in row.cells.items()))

    def _show_pair(self, row: RowView) -> None:
        shared = _shared(row.tokens, row.rejected)
        self.view.set_tokens(_painted(row.tokens[:shared]))
        self.chosen.set_tokens(_painted(row.tokens[shared:]))
        self.rejected.set_tokens(_painted(row.rejected[shared:], "rejected"))

    def _side(self, row: QHBoxLayout, title: str, term: str) -> TokenView:
        note = Note()
        note.body.addWidget(TermLabel(title, term))
        view = TokenView(title)
        note.body.addWidget(view, 1)
        row.addWidget(note, 1)
        return view

    def _choices(self) -> Flow:
        fields = {field.name: field.setting for field in setting_fields(RowsSection)}
        row = Flow()
        self.train_on = self._select(row, fields["train_on"])
        self.train_on.changed.connect(lambda value: self.changed.emit("rows.train_on", value))
        self.template = self._select(row, fields["template"])
        self.template.changed.connect(lambda value: self.changed.emit("rows.template", value))
        return row

    def _select(self, row: Flow, setting: Setting) -> Select:
        select = Select(list(setting.choices.items()), "", setting.label, compact=True)
        label = Label(setting.label, "small")
        label.setBuddy(select)
        pair = QWidget()  # label and choice stay together in one line
        inner = QHBoxLayout(pair)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(8)
        inner.addWidget(label)
        inner.addWidget(select)
        row.addWidget(pair)
        return select

    def _choose(self, mode: str) -> None:
        self.stack.setCurrentIndex(1 if mode == "text" else 0)


def _shared(first: tuple[Token, ...], second: tuple[Token, ...]) -> int:
    """How many tokens both sides have in common before anything is learned."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one.id != other.id or one.kind != "prompt" or other.kind != "prompt":
            break
        count += 1
    return count


def _painted(tokens: tuple[Token, ...], learned: str = "trained") -> list[tuple[str, str]]:
    """(text, kind) as the token view takes them; a special token that is learned from is painted so.

    What the template added is told apart where it is not learned; what is learned has one look, whoever wrote it.
    """
    painted = []
    for token in tokens:
        kind = learned if token.kind in ("trained", "rejected") else token.kind
        if token.special:
            kind = (
                f"special-{kind}" if kind in ("trained", "rejected") else "special" if kind != "cut" else kind
            )
        elif token.added and kind == "prompt":
            kind = "added"
        painted.append((token.text, kind))
    return painted
