"""What every adapter's result is in Compare and in an export: opened, merged or beside its base, refused in words."""

import json

import pytest
import torch

from engine.job.adapters import ADAPTERS
from engine.job.channel import ADAPTER, Desk, events_of
from engine.job.errors import ModelError
from engine.job.events import Check
from engine.job.exports import EXPORTS, export_problem
from engine.job.job import Job, choose
from engine.job.record import update_record
from engine.job.sections import DataSource, ModelSection, WatchSection
from engine.job.tasks import ExportTask
from engine.library.runs import create_run
from engine.models.adapters import save_adapter
from engine.models.load import load_model
from engine.use import reopen, stranger
from engine.use.export import export
from engine.use.open import open_beside, open_model
from engine.use.places import find_place
from tests.models.every_adapter import CASES, adapted, logits, moved
from tests.use.tuned_runs import data_file

KINDS = {kind: case for case, (kind, _) in reversed(CASES.items())}


@pytest.fixture
def quick(monkeypatch):
    """The stranger's script in this process: starting one takes most of the time."""

    def run(arguments, log, answered, stopped):
        reopen.main(*arguments)
        return ""

    monkeypatch.setattr(stranger, "_run", run)


def tuned(base, folder, case):
    """A finished run of that case whose learned part was moved at random."""
    kind, values = CASES[case]
    job = Job(
        name=case,
        model=ModelSection(source=str(base)),
        data=(DataSource(path=str(data_file(folder))),),
        adapter=choose(ADAPTERS, kind, "adapter", values),
        watch=WatchSection(prompts=("how are you?",), sample_tokens=8),
    )
    run = create_run(job)
    model = moved(adapted(case, load_model(base, "float32", "cpu").model), 0.1)
    save_adapter(model, run / ADAPTER, torch.float32 if kind == "full" else None)
    update_record(run, status="done", step=7, steps=7)
    return run, model


def exported(run, folder, **changes):
    desk = folder / "task"
    desk.mkdir()
    export(ExportTask(run=str(run), out=str(folder / "out"), **changes), Desk(desk))
    return folder / "out", events_of(desk)


@pytest.mark.parametrize("kind", KINDS)
def test_compare_opens_it_with_what_was_learned(kind, base, tmp_path):
    run, model = tuned(base, tmp_path, KINDS[kind])
    opened = open_model(str(run), "cpu")
    torch.testing.assert_close(logits(opened.model), logits(model), atol=2e-5, rtol=1e-4)
    assert opened.fingerprint != open_model(str(base), "cpu").fingerprint
    assert (opened.merged is not None) == (ADAPTERS[kind].can_merge and kind != "full")


@pytest.mark.parametrize("kind", KINDS)
def test_opening_it_leaves_a_shared_base_alone(kind, base, tmp_path):
    run, _ = tuned(base, tmp_path, KINDS[kind])
    bases = {}
    before = logits(open_model(str(base), "cpu", bases=bases).model)
    open_model(str(run), "cpu", bases=bases)
    open_beside(find_place(str(run)), "cpu", bases)
    assert torch.equal(logits(open_model(str(base), "cpu", bases=bases).model), before)


@pytest.mark.parametrize("kind", [kind for kind, card in ADAPTERS.items() if card.can_merge])
def test_merged_it_answers_the_same_without_us(kind, base, tmp_path, quick):
    run, _ = tuned(base, tmp_path, KINDS[kind])
    out, events = exported(run, tmp_path, format="merged")
    checks = [event for event in events if isinstance(event, Check)]
    assert len(checks) == 5
    assert all(check.passed for check in checks), checks
    assert not (out / "adapter_config.json").exists()


@pytest.mark.parametrize("kind", [kind for kind, card in ADAPTERS.items() if card.saves != "model"])
def test_alone_it_answers_the_same_beside_its_base(kind, base, tmp_path, quick):
    run, model = tuned(base, tmp_path, KINDS[kind])
    out, events = exported(run, tmp_path, format="adapter")
    checks = [event for event in events if isinstance(event, Check)]
    assert all(check.passed for check in checks), checks
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == str(base)
    again = open_beside(find_place(str(out)), "cpu")
    torch.testing.assert_close(logits(again.model), logits(model), atol=1e-5, rtol=1e-5)
    card = (out / "README.md").read_text()
    assert ("PEFT has no such adapter" in card) == (ADAPTERS[kind].saves == "own")


@pytest.mark.parametrize(
    ("kind", "format"),
    [
        (kind, format)
        for kind, card in ADAPTERS.items()
        for format in EXPORTS
        if export_problem(card, format)[0]
    ],
)
def test_a_format_it_has_no_place_in_is_refused_before_anything_is_written(kind, format, base, tmp_path):
    run, _ = tuned(base, tmp_path, KINDS[kind])
    title, advice = export_problem(ADAPTERS[kind], format)
    with pytest.raises(ModelError) as error:
        exported(run, tmp_path, format=format)
    assert (error.value.title, error.value.advice) == (title, advice)
    assert advice.startswith("Export")
    assert not (tmp_path / "out").exists()


def test_every_adapter_can_leave_in_some_format():
    for card in ADAPTERS.values():
        free = [format for format in EXPORTS if not export_problem(card, format)[0]]
        assert free
        assert ("merged" in free) == card.can_merge
