from gui.widgets.labels import Label
from gui.widgets.phase_list import PhaseList

PHASES = [("engine", "Starting the engine"), ("model", "Loading the model")]


def test_phases_tick_with_their_times():
    phases = PhaseList(PHASES)
    phases.set_phase("engine", "done", 1.24)
    phases.set_phase("model", "active", 12)
    texts = [label.text() for label in phases.findChildren(Label)]
    assert texts == ["Starting the engine", "1.2 s", "Loading the model", "12 s"]
    assert (phases.state("engine"), phases.state("model")) == ("done", "active")


def test_states_are_spoken():
    phases = PhaseList(PHASES)
    phases.set_phase("model", "failed", 3.0)
    assert [row.accessibleName() for row in phases._rows.values()] == [
        "Starting the engine: waiting",
        "Loading the model: failed 3.0 s",
    ]


def test_reset_makes_all_wait():
    phases = PhaseList(PHASES)
    phases.set_phase("engine", "done", 1.0)
    phases.reset()
    assert phases.state("engine") == "waiting"
