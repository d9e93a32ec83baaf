"""Task functions that behave as the real ones do, in no time: the worker's tests point its table at them."""

from engine.job.commands import Stop
from engine.job.errors import DataError, StoppedError
from engine.job.events import Paused, Phase, Prepared, Step, Trained

STEPS = 4
calls: list[object] = []


def a_step(number):
    return Step(
        step=number,
        steps=STEPS,
        epoch=0.0,
        loss=1.0 / number,
        learning_rate=1e-3,
        gradient_norm=1.0,
        tokens=10,
        tokens_per_second=100.0,
        memory=1,
        seconds=0.1,
    )


def a_prepared():
    words = {"device": "cpu", "dtype": "float32", "template": "plain"}
    counts = dict.fromkeys(
        ("rows_train", "rows_validation", "rows_skipped", "rows_cut", "tokens_per_epoch"), 1
    )
    rest = (
        "trained_tokens_per_epoch",
        "parameters",
        "parameters_trained",
        "micro_batch",
        "batch_size",
        "threads",
    )
    return Prepared(**words, **counts, **dict.fromkeys(rest, 1), steps=STEPS)


def _trained(step):
    return Trained(
        step=step,
        steps=STEPS,
        first_loss=1.0,
        last_loss=1.0 / step,
        best_loss=None,
        best_step=None,
        tokens=40,
        seconds=1.0,
        adapter="adapter",
    )


def train(job, desk, resume_from=None):
    calls.append(resume_from)
    desk.tell(a_prepared())
    desk.tell(Phase(name="training", title="Training"))
    for number in range(1, STEPS + 1):
        if any(isinstance(command, Stop) for command in desk.heard()):
            desk.tell(_trained(number))
            return
        desk.tell(a_step(number))
    desk.tell(_trained(STEPS))


def pause(job, desk, resume_from=None):
    desk.tell(Paused(step=2))
    raise StoppedError("Stopped.")


def discard(job, desk, resume_from=None):
    desk.heard()
    raise StoppedError("Stopped.")


def refuse(job, desk, resume_from=None):
    raise DataError("Row 3 has no answer.", "Add one.")


def break_down(job, desk, resume_from=None):
    raise RuntimeError("shape mismatch with token hf_abcdefghijkl\nand a page more")


def run_out_of_memory(job, desk, resume_from=None):
    raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")


def export(task, desk):
    calls.append(task)
