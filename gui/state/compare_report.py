"""A comparison as a report: HTML, CSV or Markdown. Model text is escaped, never interpreted."""

import csv
import html
import io
from collections.abc import Sequence

from gui.state.compare import SAME, Question

_STYLE = (
    "body{font:15px system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1d24}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #e1e4ea;padding:.6rem;text-align:left;"
    "vertical-align:top;white-space:pre-wrap}.won{background:#e6f4ea}"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_report(kind: str, titles: Sequence[str], questions: Sequence[Question]) -> str:
    """The report as text; `kind` is "html", "csv" or "md"."""
    return {"html": _html, "csv": _csv, "md": _markdown}[kind](titles, questions)


def vote_words(vote: str, titles: Sequence[str]) -> str:
    """What a vote says in words."""
    if vote == SAME:
        return "same"
    return titles[int(vote)] if vote else ""


def _html(titles: Sequence[str], questions: Sequence[Question]) -> str:
    heads = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    rows = []
    for question in questions:
        cells = "".join(
            f"<td{' class=won' if question.vote == str(number) else ''}>{html.escape(answer)}</td>"
            for number, answer in enumerate(question.answers)
        )
        vote = html.escape(vote_words(question.vote, titles))
        rows.append(f"<tr><td>{html.escape(question.prompt)}</td>{cells}<td>{vote}</td></tr>")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Comparison</title>'
        f"<style>{_STYLE}</style><h1>Comparison</h1><table><tr><th>Prompt</th>{heads}<th>Better</th></tr>"
        f"{''.join(rows)}</table></html>\n"
    )


def _csv(titles: Sequence[str], questions: Sequence[Question]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["prompt", *titles, "better"])
    for question in questions:
        cells = [question.prompt, *question.answers, vote_words(question.vote, titles)]
        writer.writerow([_as_text(cell) for cell in cells])
    return out.getvalue()


def _as_text(cell: str) -> str:
    """A spreadsheet must not run what a model wrote."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _markdown(titles: Sequence[str], questions: Sequence[Question]) -> str:
    parts = ["# Comparison", ""]
    for question in questions:
        parts += ["## Prompt", "", _quoted(question.prompt), ""]
        for title, answer in zip(titles, question.answers, strict=True):
            parts += [f"**{title}**", "", _quoted(answer), ""]
        if question.vote:
            parts += [f"Better: {vote_words(question.vote, titles)}", ""]
    return "\n".join(parts) + "\n"


def _quoted(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines() or [""])
