"""Every card is complete, its code exists, and a test trains or exports it on a tiny model."""

import importlib
import math

import pytest

from engine.job.adapters import ADAPTERS
from engine.job.cards import resolve
from engine.job.channel import Desk, events_of
from engine.job.events import Check, Exported, Step
from engine.job.exports import EXPORTS
from engine.job.methods import FAMILIES, METHODS
from engine.job.moe import MOE
from engine.job.settings import setting_fields
from engine.job.tasks import ExportTask
from engine.use import reopen, stranger
from engine.use.export import export
from tests.rules.source_tree import ROOT
from tests.train.tiny_runs import run, tiny_job, told

REGISTRIES = {"method": METHODS, "adapter": ADAPTERS, "moe": MOE, "export": EXPORTS}
CARDS = [
    pytest.param(kind, card, id=f"{name}-{kind}")
    for name, registry in REGISTRIES.items()
    for kind, card in registry.items()
]


@pytest.mark.parametrize(("kind", "card"), CARDS)
def test_a_card_says_what_a_person_needs(kind, card):
    assert card.kind == kind
    assert card.title
    assert card.help[-1] == "."
    assert len(card.help) < 120
    if getattr(card, "paper", None):
        assert card.paper.title
        assert card.paper.url.startswith("https://")


@pytest.mark.parametrize(("kind", "card"), [entry for entry in CARDS if hasattr(entry.values[1], "settings")])
def test_a_settings_form_explains_every_field(kind, card):
    assert card.settings() == card.settings()  # every field has a default
    for field in setting_fields(card.settings):
        assert field.setting.label
        assert field.setting.help[-1] == "."


@pytest.mark.parametrize(("kind", "card"), [entry for entry in CARDS if getattr(entry.values[1], "code", "")])
def test_the_code_of_a_card_exists(kind, card):
    assert callable(resolve(card.code))


def test_a_family_has_a_method_and_a_method_a_family():
    assert {card.family for card in METHODS.values()} == set(FAMILIES)


@pytest.mark.parametrize("card", METHODS.values(), ids=METHODS)
def test_a_method_asks_for_a_chart_of_its_loss(card):
    assert "loss" in {line.metric for chart in card.charts for line in chart.lines}


def test_every_method_and_adapter_is_trained_by_a_test():
    """The tests in `tests/train` take a method and an adapter; here we see that no card is left out."""
    methods, adapters = set(), set()
    for path in sorted((ROOT / "tests" / "train").glob("test_*.py")):
        for test in vars(importlib.import_module(f"tests.train.{path.stem}")).values():
            marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
            taken = {mark.args[0]: set(mark.args[1]) for mark in marks if isinstance(mark.args[0], str)}
            if {"method", "adapter"} <= set(taken):
                methods |= taken["method"]
                adapters |= taken["adapter"]
    assert methods == set(METHODS)
    assert adapters == set(ADAPTERS)


@pytest.mark.parametrize("kind", MOE)
def test_every_way_to_split_into_experts_trains(kind, tmp_path):
    moe, adapter = {"kind": kind}, "lora"
    if kind == "assemble":
        (tmp_path / "topic.txt").write_text("the dog\nhow are you")
        model, topic = str(tmp_path / "model"), str(tmp_path / "topic.txt")
        moe, adapter = moe | {"sources": [model, model], "prompts": [topic, topic]}, "full"
    steps = told(run(tiny_job(tmp_path, adapter=adapter, moe=moe), tmp_path / "run"), Step)
    assert [step.step for step in steps] == [1, 2, 3]
    assert all(math.isfinite(step.loss) for step in steps)


@pytest.mark.parametrize(
    ("kind", "number"), [(kind, number) for kind, c in EXPORTS.items() for number in c.types]
)
def test_every_export_is_written_and_opens(kind, number, tmp_path, monkeypatch):
    from tests.use.tuned_runs import data_file, saved_model, tuned_run

    monkeypatch.setattr(
        stranger, "_run", lambda arguments, *_: reopen.main(*arguments) or ""
    )  # in this process
    base = saved_model(tmp_path / "base", initializer_range=0.1)
    folder = tuned_run(base, data_file(tmp_path), strength=0.3)
    desk = Desk(tmp_path / "task")
    desk.folder.mkdir()
    export(ExportTask(run=str(folder), out=str(tmp_path / "out"), format=kind, type=number), desk)
    told_of = events_of(desk.folder)
    assert isinstance(told_of[-1], Exported)
    lines = [event for event in told_of if isinstance(event, Check)]
    assert lines
    assert all(line.passed for line in lines), lines
