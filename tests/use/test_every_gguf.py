"""What every adapter that can be built in has learned by real updates is in the GGUF file, as another reader finds it."""

import copy

import pytest
import torch
from transformers import AutoModelForCausalLM

from engine.job.adapters import ADAPTERS
from engine.job.channel import ADAPTER, Desk, events_of
from engine.job.events import Check
from engine.job.exports import EXPORTS, export_problem
from engine.job.job import job_from_values
from engine.job.record import update_record
from engine.job.tasks import ExportTask
from engine.library.runs import create_run
from engine.models.adapters import load_adapter, merge
from engine.models.load import load_model
from engine.train.session import train
from engine.use import reopen, stranger
from engine.use.export import export
from tests.models.every_adapter import CASES, logits
from tests.use.tuned_runs import data_file

CAN = [case for case, (kind, _) in CASES.items() if ADAPTERS[kind].can_gguf]
RATES = {"vera": 0.3, "ia3": 0.1}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """The stranger's script in this process: starting one takes most of the time."""

    def run(arguments, log, answered, stopped):
        reopen.main(*arguments)
        return ""

    monkeypatch.setattr(stranger, "_run", run)


def trained_run(base, folder, case):
    """A run of that case after six updates."""
    kind, values = CASES[case]
    job = job_from_values(
        {
            "name": case,
            "model": {"source": str(base), "dtype": "float32"},
            "data": [{"path": str(data_file(folder))}],
            "rows": {"max_tokens": 64},
            "adapter": {"kind": kind} | values,
            "train": {"steps": 6, "batch_size": 4, "learning_rate": RATES.get(case, 2e-2)},
            "watch": {"prompts": ["how are you?"], "sample_tokens": 4},
            "device": {"kind": "cpu"},
        }
    )
    run = create_run(job)
    train(job, Desk(run))
    update_record(run, status="done", step=6, steps=6)
    return run


@pytest.mark.parametrize("case", CAN)
def test_another_reader_finds_the_merged_weights_in_the_file(case, base, tmp_path):
    run = trained_run(base, tmp_path, case)
    desk = tmp_path / "task"
    desk.mkdir()
    export(ExportTask(run=str(run), format="gguf", type="f32", out=str(tmp_path / "out")), Desk(desk))
    found = [event for event in events_of(desk) if isinstance(event, Check)]
    assert found
    assert all(check.passed for check in found), found

    plain = load_model(base, "float32", "cpu").model
    untrained = logits(plain)
    learned = load_adapter(copy.deepcopy(plain), run / ADAPTER)
    beside = logits(learned)
    merged = learned if CASES[case][0] == "full" else merge(learned)
    (file,) = (tmp_path / "out").glob("*.gguf")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out", gguf_file=file.name, dtype=torch.float32)
    assert (beside - untrained).abs().max() > 0.01
    torch.testing.assert_close(logits(again), logits(merged), atol=1e-4, rtol=0)
    torch.testing.assert_close(logits(again), beside, atol=1e-4, rtol=0)
    expected = merged.state_dict()
    for name, weight in again.state_dict().items():
        torch.testing.assert_close(weight, expected[name].float(), atol=1e-6, rtol=0)


def test_every_statement_of_a_card_is_tried():
    """Merged and alone are tried in test_every_adapter.py, refusals there as well; here stand the GGUF files."""
    assert {CASES[case][0] for case in CAN} == {
        kind for kind, card in ADAPTERS.items() if not export_problem(card, "gguf")[0]
    }
    assert set(EXPORTS) == {"merged", "adapter", "gguf"}
