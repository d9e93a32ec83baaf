import pytest

from engine.job.channel import CHECKPOINTS, Desk, append
from engine.job.commands import Pause, Resume, Sample, Stop
from engine.job.errors import StoppedError
from engine.job.events import Phase, Progress, Sampled, Step
from engine.train import rows
from engine.train.stopping import stop_if_asked
from tests.train.tiny_runs import run, tiny_job, told


def at_phase(name, *commands):
    return lambda event: list(commands) if isinstance(event, Phase) and event.name == name else []


def test_a_stop_while_rows_are_read_ends_the_run_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_TELL_EVERY", -1.0)
    with pytest.raises(StoppedError):
        run(tiny_job(tmp_path), tmp_path / "run", at_phase("rows", Stop(keep=True)))
    assert not (tmp_path / "run" / "adapter").exists()


def test_a_stop_while_the_reference_is_looked_at_ends_the_run_at_once(tmp_path):
    def script(event):
        return [Stop(keep=True)] if isinstance(event, Progress) and "reference" in event.title else []

    with pytest.raises(StoppedError):
        run(tiny_job(tmp_path, "dpo"), tmp_path / "run", script)


def test_other_commands_wait_for_the_first_update(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_TELL_EVERY", -1.0)
    commands = [Sample(prompt="How are you?"), Pause(), Resume()]
    events = run(tiny_job(tmp_path), tmp_path / "run", at_phase("rows", *commands))
    assert "How are you?" in [event.prompt for event in told(events, Sampled)]
    assert len(told(events, Step)) == 3


def test_a_stop_that_discards_removes_what_was_learned_before(tmp_path):
    (tmp_path / CHECKPOINTS / "step-000001").mkdir(parents=True)
    append(tmp_path, Stop(keep=False))
    with pytest.raises(StoppedError):
        stop_if_asked(Desk(tmp_path))
    assert not (tmp_path / CHECKPOINTS).exists()
