"""What the Export page says before an export: figures that follow the choice, and cards that refuse in words."""

import dataclasses

import pytest

from engine.job.events import Check, Exported, Finished
from engine.job.job import Job, with_kind
from engine.library.models import check_model
from gui.pages.export import ExportPage
from tests.gui.waiting import rest
from tests.gui.windows import ended_run, quick_job, still_state
from tests.models.tiny_folders import tiny_folder


def opened_page(monkeypatch, job: Job, size=(1050, 760)):
    state = still_state(monkeypatch)
    folder = ended_run(job)
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(bytes(2_000_000))
    page = ExportPage(state)
    page.resize(*size)
    page.show()
    page.entered()
    rest(0.05)
    return state, page


@pytest.fixture
def mixture(qapp, monkeypatch):
    state, page = opened_page(monkeypatch, with_kind(quick_job(), "moe", "lora-experts"))
    yield page
    state.shut_down()


def figures(page):
    pairs = {}
    for cell in page.receipt.outcome.figures._cells:
        label, value = (cell.layout().itemAt(at).widget().text() for at in range(2))
        pairs[label] = value
    return pairs


def choose(page, format, type=""):
    page.choice.formats.choice(format).click()
    if type:
        page.export.choose(type=type)
    rest(0.02)


def test_a_mixture_shows_what_comes_out_and_it_follows_the_precision(mixture):
    outcome = mixture.receipt.outcome
    base = mixture.export.model
    # The starter: 192 wide, 512 within, four layers; three more copies of three matrices, and routers of 4 x 192.
    weights = base.parameters + 4 * (3 * 3 * 192 * 512 + 4 * 192)
    active = weights - 4 * 2 * 3 * 192 * 512
    assert outcome.isVisible()
    assert outcome.architecture.text() == "Mixtral"
    assert figures(mixture) == {
        "Weights": f"{weights / 1e6:.1f} million",
        "Active per token": f"{active / 1e6:.1f} million",
        "Memory to load it": f"{weights * 4 / 1e6:.0f} MB",
    }
    assert outcome.bars.title.text() == f"On disk: {weights * 4 / base.bytes:.1f} times the base"
    assert outcome.bars.export[0].fraction() == 1.0
    assert outcome.bars.base[0].fraction() == pytest.approx(base.bytes / (weights * 4))
    choose(mixture, "merged", "bfloat16")
    assert outcome.bars.export[1].text() == f"{weights * 2 / 1e6:.0f} MB"
    assert "cannot become one dense model again" in outcome.note.text()
    assert outcome.caveat.isHidden()
    choose(mixture, "gguf", "q8_0")
    assert figures(mixture)["Memory to load it"] == f"{weights * 1.0625 / 1e6:.1f} MB"


def test_an_adapter_that_only_tunewright_opens_says_so(mixture):
    choose(mixture, "adapter")
    row = mixture.choice.formats.choice("adapter")
    assert "only Tunewright opens it" in row.accessibleDescription()
    assert mixture.receipt.outcome.architecture.text() == "Tunewright's own"
    assert figures(mixture)["Needs beside it"] == "Starter"
    together = 4 * mixture.export.model.parameters + 2_000_000  # the starter answers in 32 bits
    assert figures(mixture)["Memory for both"] == f"{together / 1e6:.1f} MB"
    assert mixture.receipt.outcome.bars.isHidden()


def test_of_one_lora_the_adapter_is_pefts_and_nothing_is_said_of_experts(qapp, monkeypatch):
    state, page = opened_page(monkeypatch, quick_job())
    assert page.receipt.outcome.architecture.text() == "Llama"
    assert "Active per token" not in figures(page)
    assert page.receipt.outcome.note.isHidden()
    choose(page, "adapter")
    assert page.receipt.outcome.architecture.text() == "PEFT adapter"
    state.shut_down()


@pytest.mark.parametrize(
    ("family", "moe", "format", "words"),
    [
        ("llama", "upcycle", "adapter", "experts that its base does not have"),
        ("qwen2", "lora-experts", "gguf", "another way: not to a sum of one"),
        ("gemma2", "none", "gguf", "this one is 'gemma2'"),
    ],
)
def test_what_cannot_leave_in_a_form_is_refused_on_its_card(
    qapp, monkeypatch, tmp_path, family, moe, format, words
):
    source = str(tiny_folder(tmp_path / family, family))
    job = with_kind(quick_job(), "moe", moe)
    job = dataclasses.replace(job, model=dataclasses.replace(job.model, source=source))
    state, page = opened_page(monkeypatch, job)
    assert words in page.choice.formats.choice(format).blocked_reason
    choose(page, format)
    assert page.export.format == "merged"
    caveat = page.receipt.outcome.caveat
    assert caveat.isVisible() == (family == "qwen2")
    assert page.export.model == check_model(tmp_path / family)
    state.shut_down()


def test_a_disk_that_is_too_small_is_told_on_the_button(mixture, monkeypatch):
    space = dataclasses.replace(mixture.export.space(), free=1000)
    monkeypatch.setattr(mixture.export, "space", lambda: space)
    mixture.choice.refresh()
    assert mixture.choice.button.blocked_reason == "Not enough space"


def test_the_receipt_takes_its_place_and_keeps_the_figures(mixture):
    mixture.choice.button.click()
    state = mixture.state
    task = state.engine.started[-1]
    assert mixture.receipt.outcome.isVisible()
    check = Check("It predicts as the mixture that was trained", "At 9 places.", True)
    state.engine.tell(task, check, Exported("/out", "merged", 10, 2, "abcd"), Finished("done", 2.0))
    rest(0.05)
    assert mixture.receipt.outcome.isHidden()
    cells = [cell.layout().itemAt(1).widget().text() for cell in mixture.receipt.facts._cells]
    assert "Mixtral" in cells
    assert mixture.receipt.checks.count() == 1


def test_a_low_window_scrolls_the_choice_and_cuts_no_label(qapp, monkeypatch, tmp_path):
    source = str(tiny_folder(tmp_path / "qwen2", "qwen2"))
    job = with_kind(quick_job(), "moe", "lora-experts")
    job = dataclasses.replace(job, model=dataclasses.replace(job.model, source=source))
    state, page = opened_page(monkeypatch, job, (820, 560))
    choice = page.choice
    assert choice.card_row.width() >= choice.card_row.minimumSizeHint().width()
    for kind in ("merged", "adapter", "gguf"):
        row = choice.formats.choice(kind)
        assert row.height() >= row.heightForWidth(row.width())
    assert choice.button.isVisible()
    state.shut_down()
