import csv
import io

from gui.state.compare import Question
from gui.state.compare_report import write_report

TITLES = ["Starter", "<b>mine</b>"]
QUESTIONS = [
    Question("Is 1 < 2?", ("<script>alert(1)</script>", "Yes & no"), "1"),
    Question("=SUM(A1)", ("-1", "two\nlines"), "same"),
]


def test_html_shows_model_text_as_text():
    page = write_report("html", TITLES, QUESTIONS)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>" not in page
    assert "<td class=won>Yes &amp; no</td>" in page
    assert "Is 1 &lt; 2?" in page


def test_a_spreadsheet_does_not_run_what_a_model_wrote():
    rows = list(csv.reader(io.StringIO(write_report("csv", TITLES, QUESTIONS))))
    assert rows[0] == ["prompt", "Starter", "<b>mine</b>", "better"]
    assert rows[1][3] == "<b>mine</b>"
    assert rows[2] == ["'=SUM(A1)", "'-1", "two\nlines", "same"]


def test_markdown_quotes_answers_line_by_line():
    text = write_report("md", TITLES, QUESTIONS)
    assert "    <script>alert(1)</script>" in text.splitlines()
    assert "    two" in text.splitlines()
    assert "Better: same" in text
