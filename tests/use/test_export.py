import json
import subprocess
import sys
import threading

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from engine.job.channel import Desk, append, events_of
from engine.job.commands import Cancel
from engine.job.errors import FolderError, InputError, JobError, ModelError, StoppedError
from engine.job.events import Check, Exported, Progress
from engine.job.tasks import ExportTask
from engine.models.generate import encode_prompt, generate
from engine.use import open as opening
from engine.use import reopen, stranger
from engine.use.export import export
from engine.use.open import open_model
from tests.use.tuned_runs import QUESTIONS, data_file, saved_model, tuned_run


@pytest.fixture
def quick(monkeypatch):
    """The stranger's script in this process: starting one that imports transformers takes most of the time."""

    def run(arguments, log, answered, stopped):
        reopen.main(*arguments)
        return ""

    monkeypatch.setattr(stranger, "_run", run)


def exported(run, folder, **changes):
    """Export and return the target, the receipt's lines and the last event."""
    desk_folder = folder / "task"
    desk_folder.mkdir()
    out = folder / "out"
    export(ExportTask(run=str(run), out=str(out), **changes), Desk(desk_folder))
    events = events_of(desk_folder)
    return out, [event for event in events if isinstance(event, Check)], events


def compared(opened, question):
    return generate(
        opened.model,
        opened.tokenizer,
        question,
        seed=0,
        temperature=0.0,
        max_new_tokens=16,
        end_ids=opened.end_ids,
    ).text


def stock_answer(model, tokenizer, question):
    turn = [{"role": "user", "content": question}]
    ids = tokenizer.apply_chat_template(
        turn, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    out = model.generate(**ids, do_sample=False, max_new_tokens=16)
    return tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)


# It starts a process that imports transformers, which is the point of the receipt.
@pytest.mark.slow
def test_a_merged_model_answers_by_itself_exactly_as_in_compare(run, tmp_path):
    out, lines, events = exported(run, tmp_path)
    assert [line.title for line in lines] == [
        "The folder opens by itself",
        "It gives the same answers as in Compare",
        "The chat template is inside",
        "It knows when to stop",
        "What was learned is built in",
    ]
    assert all(line.passed for line in lines)
    assert lines[1].detail.startswith("9 of 9 prompts, word for word")  # one watched, eight rows
    assert "2 layers changed" in lines[4].detail
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    tuned = open_model(str(run))
    for question in QUESTIONS:
        assert stock_answer(model, tokenizer, question) == compared(tuned, question)
    done = events[-1]
    assert isinstance(done, Exported)
    assert (done.path, done.prompt) == (str(out), "how are you?")
    assert done.answer_before == done.answer_after == compared(tuned, "how are you?")
    assert done.files == len(list(out.iterdir()))
    assert not (out / "adapter_config.json").exists()
    assert {event.unit for event in events if isinstance(event, Progress)} == {"bytes", "prompts"}
    assert open_model(str(out)).fingerprint == done.fingerprint


def test_an_export_of_a_base_without_template_brings_template_and_end_token(tmp_path, quick):
    base = saved_model(tmp_path / "bare", with_template=False)
    out, lines, _ = exported(tuned_run(base, data_file(tmp_path)), tmp_path)
    assert all(line.passed for line in lines)
    assert "Assistant:" in (out / "chat_template.jinja").read_text()
    assert json.loads((out / "generation_config.json").read_text())["eos_token_id"] == [2]


def test_an_export_in_16_bit_says_how_compare_differs(run, tmp_path, quick):
    out, lines, _ = exported(run, tmp_path, type="bfloat16")
    assert lines[1].title == "It gives the same answers as the tuned model in 16-bit (bfloat16)"
    assert lines[1].passed
    assert "there " in lines[1].detail
    assert json.loads((out / "config.json").read_text())["dtype"] == "bfloat16"


def test_a_16_bit_base_is_exported_as_it_is_compared(tmp_path, monkeypatch, quick):
    monkeypatch.setattr(opening, "SMALLEST_FOR_BFLOAT16", 1000)
    base = saved_model(tmp_path / "half", dtype=torch.bfloat16, initializer_range=0.1)
    out, lines, _ = exported(tuned_run(base, data_file(tmp_path)), tmp_path)
    assert lines[1].title == "It gives the same answers as in Compare"
    assert all(line.passed for line in lines)
    assert {weight.dtype for weight in AutoModelForCausalLM.from_pretrained(out).parameters()} == {
        torch.bfloat16
    }


def test_an_adapter_opens_with_peft_on_its_base(base, run, tmp_path, quick):
    out, lines, events = exported(run, tmp_path, format="adapter")
    assert all(line.passed for line in lines)
    assert lines[0].title == "The folder opens with its base model"
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), out)
    tuned = open_model(str(run))
    ids = torch.tensor([encode_prompt(tuned.tokenizer, "hello")])
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, tuned.model(ids).logits, atol=1e-4, rtol=0)
    assert events[-1].bytes < 1_000_000


def test_an_adapter_brings_an_end_token_that_its_base_does_not_name(tmp_path, quick):
    base = saved_model(tmp_path / "other-end", eos_token_id=1)  # the template ends a turn with token 2
    out, lines, _ = exported(tuned_run(base, data_file(tmp_path)), tmp_path, format="adapter")
    assert {line.title: line.passed for line in lines}["It knows when to stop"]
    assert GenerationConfig.from_pretrained(out).eos_token_id == [2, 1]
    assert 'GenerationConfig.from_pretrained("this-folder")' in (out / "README.md").read_text()


@pytest.mark.parametrize("kind", ["f32", "q8_0"])
def test_a_gguf_is_read_and_answers(kind, tmp_path, quick):
    base = saved_model(tmp_path / "calm", initializer_range=0.1)  # rounding does not grow from layer to layer
    run = tuned_run(base, data_file(tmp_path), strength=0.3)
    out, lines, _ = exported(run, tmp_path, format="gguf", type=kind)
    assert sorted(path.name for path in out.iterdir()) == ["README.md", f"polite-{kind}.gguf"]
    assert all(line.passed for line in lines), lines
    assert lines[0].title == "The file opens by itself"


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}),
        (
            "llama",
            {
                "rope_parameters": {
                    "rope_type": "llama3",
                    "rope_theta": 1e4,
                    "factor": 8.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 32,
                }
            },
        ),
        ("qwen3", {"head_dim": 16}),
    ],
)
def test_a_gguf_is_tried_with_what_its_reader_passes_over(family, changes, tmp_path, quick):
    base = saved_model(tmp_path / "scaled", family, initializer_range=0.1, **changes)
    run = tuned_run(base, data_file(tmp_path), strength=0.3)
    _, lines, _ = exported(run, tmp_path, format="gguf", type="f32")
    assert all(line.passed for line in lines), lines


def test_a_model_trained_whole_is_exported_whole(base, tmp_path, quick):
    run = tuned_run(base, data_file(tmp_path), is_whole=True)
    _, lines, _ = exported(run, tmp_path)
    assert all(line.passed for line in lines)
    assert "All weights were trained" in lines[4].detail


def test_large_models_are_split_and_the_card_can_be_left_out(run, tmp_path, quick):
    out, lines, _ = exported(run, tmp_path, shard_gigabytes=5e-5, card=False)
    assert len(list(out.glob("model-*.safetensors"))) > 1
    assert not (out / "README.md").exists()
    assert all(line.passed for line in lines)


def test_a_model_trained_whole_has_no_adapter_to_export(base, tmp_path):
    run = tuned_run(base, data_file(tmp_path), is_whole=True)
    with pytest.raises(ModelError, match="no adapter"):
        exported(run, tmp_path, format="adapter")
    assert not (tmp_path / "out.part").exists()


def test_what_cannot_become_a_gguf_is_refused_and_leaves_nothing(tmp_path):
    base = saved_model(tmp_path / "gemma", "gemma2")
    run = tuned_run(base, data_file(tmp_path))
    with pytest.raises(ModelError, match="gemma2"):
        exported(run, tmp_path, format="gguf", type="f16")
    assert not list(tmp_path.glob("out*"))


def test_a_taken_target_is_refused_with_a_free_name(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(FolderError, match=r"out \(2\)") as caught:
        exported(run, tmp_path)
    assert isinstance(caught.value, InputError)
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"


def test_a_precision_of_another_format_is_refused(run, tmp_path):
    with pytest.raises(JobError, match="q8_0"):
        exported(run, tmp_path, type="q8_0")


def test_what_is_not_a_run_is_refused(base, tmp_path):
    with pytest.raises(FolderError, match="not a run"):
        exported(base, tmp_path)


def test_cancel_removes_the_partial_folder(run, tmp_path):
    desk_folder = tmp_path / "task"
    desk_folder.mkdir()
    raised = []

    def work():
        try:
            export(ExportTask(run=str(run), out=str(tmp_path / "out")), Desk(desk_folder))
        except StoppedError as error:
            raised.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    while not any(isinstance(e, Progress) and e.unit == "prompts" for e in events_of(desk_folder)):
        assert worker.is_alive()
    assert (tmp_path / "out.part").is_dir()
    append(desk_folder, Cancel())
    worker.join(20)
    assert raised
    assert not list(tmp_path.glob("out*"))


def test_the_stranger_imports_nothing_of_ours():
    code = "import sys, runpy, engine.use; p = engine.use.__path__[0]; [sys.modules.pop(m) for m in list(sys.modules) if m.startswith('engine')]; runpy.run_path(p + '/reopen.py', run_name='x'); print([m for m in sys.modules if m.startswith('engine')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
