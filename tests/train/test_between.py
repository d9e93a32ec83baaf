import pytest

from engine.job.commands import Evaluate, Pause, Resume, Sample, Save, Set, Stop
from engine.job.events import (
    Changed,
    Continued,
    Evaluated,
    Paused,
    Remark,
    Sampled,
    Saved,
    Step,
    Trained,
)
from tests.train.tiny_runs import once, run, tiny_job, told


def test_stop_saves_a_checkpoint_and_the_result(tmp_path):
    events = run(tiny_job(tmp_path), tmp_path / "run", once(Step, 2, Stop()))
    assert [step.step for step in told(events, Step)] == [1, 2]
    trained = told(events, Trained)[0]
    assert (trained.step, trained.steps) == (2, 3)
    assert (tmp_path / "run" / "checkpoints" / "step-000002" / "manifest.json").exists()
    assert (tmp_path / "run" / "adapter" / "adapter_config.json").exists()


def test_stop_can_discard_everything(tmp_path):
    events = run(tiny_job(tmp_path), tmp_path / "run", once(Step, 2, Save(), Stop(keep=False)))
    assert told(events, Trained) == []
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert not (tmp_path / "run" / "adapter").exists()


def test_while_paused_it_still_saves_samples_and_checks(tmp_path):
    def script(event):
        match event:
            case Step(step=1):
                return [Pause(), Save(), Sample(prompt="hello dog"), Evaluate()]
            case Evaluated(step=1):
                return [Resume()]
        return []

    events = run(
        tiny_job(tmp_path, watch={"evaluate_every": 50, "sample_every": 50}), tmp_path / "run", script
    )
    order = [
        type(event) for event in events if event.__class__ in (Paused, Saved, Evaluated, Continued, Step)
    ]
    assert order[:6] == [Step, Paused, Saved, Evaluated, Saved, Continued]  # saved again: it is the best
    assert ("hello dog", 1) in [(s.prompt, s.step) for s in told(events, Sampled)]
    assert len(told(events, Step)) == 3


def test_a_stop_during_a_pause_ends_the_run(tmp_path):
    script = once(Step, 1, Pause(), Stop())
    assert len(told(run(tiny_job(tmp_path), tmp_path / "run", script), Step)) == 1


def test_the_learning_rate_can_be_changed_while_it_runs(tmp_path):
    job = tiny_job(tmp_path, train={"schedule": "constant", "warmup": 0.0})
    events = run(job, tmp_path / "run", once(Step, 1, Set("learning_rate", 5e-4)))
    assert [step.learning_rate for step in told(events, Step)] == [1e-3, 5e-4, 5e-4]
    assert told(events, Changed)[0].value == 5e-4


@pytest.mark.parametrize(("name", "value"), [("learning_rate", -1.0), ("batch_size", 3.0), ("balance", 0.1)])
def test_what_cannot_be_changed_is_said(name, value, tmp_path):
    events = run(tiny_job(tmp_path), tmp_path / "run", once(Step, 1, Set(name, value)))
    assert told(events, Changed) == []
    assert name in told(events, Remark)[0].title
