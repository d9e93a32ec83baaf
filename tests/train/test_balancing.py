"""How strongly experts are balanced, changed while a run goes on, and kept by its checkpoints."""

import json

import pytest
import torch
from safetensors.torch import load_file

from engine.job.channel import COMMANDS_FILE
from engine.job.commands import Pause, Resume, Save, Set
from engine.job.events import Changed, Remark, Step
from engine.job.expert_events import Routing
from engine.train.checkpoints import STATE
from engine.train.state import State
from tests.train.test_experts import job_of
from tests.train.test_growing import mixture_folder
from tests.train.tiny_runs import Crash, crash_at, newest, once, run, tiny_job, told


def test_the_balance_can_be_changed_while_it_runs_also_in_a_pause(tmp_path):
    job = job_of(tmp_path, moe={"balance": 0.0}, steps=3)
    script = once(Step, 1, Pause(), Set("moe.balance", 1.0), Resume())
    events = run(job, tmp_path / "changed", script)
    (changed,) = told(events, Changed)
    assert (changed.name, changed.value, changed.step) == ("balance", 1.0, 1)
    assert [event.weight for event in told(events, Routing)] == [0.0, 1.0, 1.0]
    run(job, tmp_path / "left")
    whole = run(job_of(tmp_path, moe={"balance": 1.0}, steps=3), tmp_path / "whole")
    assert [event.weight for event in told(whole, Routing)] == [1.0, 1.0, 1.0]
    routers = {name: routers_in(newest(tmp_path / name)) for name in ("changed", "left", "whole")}
    assert routers["changed"] != routers["left"]
    assert routers["changed"] != routers["whole"]  # the first update was not balanced


@pytest.mark.parametrize("family", ["mixtral", "qwen3-moe"])
def test_a_model_that_has_experts_is_balanced_where_its_router_learns(family, tmp_path):
    moe = {"kind": "none", "train_router": True, "balance": 0.0}
    mixture_folder(tmp_path / "model", family)
    job = tiny_job(tmp_path, moe=moe)
    events = run(job, tmp_path / "run", once(Step, 1, Set("balance", 1.0)))
    assert [event.weight for event in told(events, Routing)] == [0.0, 1.0, 1.0]
    assert all(len(event.evenness) == len(event.shares) for event in told(events, Routing))


def test_a_frozen_router_is_not_balanced_and_says_so(tmp_path):
    mixture_folder(tmp_path / "model")
    job = tiny_job(tmp_path)
    events = run(job, tmp_path / "run", once(Step, 1, Set("balance", 1.0)))
    assert told(events, Changed) == []
    assert "No router learns in this run" in told(events, Remark)[0].advice


def test_a_changed_balance_is_the_same_run_after_a_resume(tmp_path):
    job = job_of(tmp_path, moe={"balance": 0.0}, steps=4)
    change = once(Step, 1, Set("balance", 1.0), Save())
    run(job, tmp_path / "whole", change)

    def crash(event):
        if isinstance(event, Step) and event.step == 3:
            raise Crash
        return change(event)

    with pytest.raises(Crash):
        run(job, tmp_path / "resumed", crash)
    (tmp_path / "resumed" / COMMANDS_FILE).unlink()  # a real worker passes earlier commands over
    events = run(job, tmp_path / "resumed", resume_from=newest(tmp_path / "resumed"))
    assert [event.step for event in told(events, Changed)] == [1]
    assert [event.weight for event in told(events, Routing)] == [0.0, 1.0, 1.0, 1.0, 1.0]  # the third twice
    for file in ("adapter_model.safetensors", "optimizer.safetensors"):
        a, b = load_file(newest(tmp_path / "whole") / file), load_file(newest(tmp_path / "resumed") / file)
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_checkpoint_from_before_balance_could_change_goes_on_with_the_jobs(tmp_path):
    job = job_of(tmp_path, moe={"balance": 0.25}, steps=4)
    with pytest.raises(Crash):
        run(job, tmp_path / "run", crash_at(3))
    file = newest(tmp_path / "run") / STATE
    values = json.loads(file.read_text())
    del values["state"]["balance"]
    state = State(4, 1e-2, balance=0.25)
    state.restore(values["state"])
    assert (state.step, state.balance) == (2, 0.25)


def test_each_layers_evenness_is_told_beside_their_mean(tmp_path):
    events = run(job_of(tmp_path), tmp_path / "run")
    for routing, step in zip(told(events, Routing), told(events, Step), strict=True):
        assert sum(routing.evenness) / len(routing.evenness) == pytest.approx(routing.load_entropy, abs=1e-4)
        assert step.metrics["load_entropy"] == pytest.approx(routing.load_entropy, abs=1e-4)


def routers_in(checkpoint):
    """The numbers of all routers."""
    tensors = load_file(checkpoint / "adapter_model.safetensors")
    return {name: value.tolist() for name, value in tensors.items() if "router" in name}
