"""What a run's look at its fast paths finds, for tests."""

from engine.job.channel import Desk, events_of
from engine.job.events import Remark
from engine.job.job import job_from_values
from engine.train.forward import Policy
from engine.train.proving import proven
from tests.models.tiny_models import tiny_model
from tests.train.tiny_runs import example, told

ROWS = [example(at, length) for at, length in enumerate((9, 30, 7, 12))]
WITH_EXPERTS = (
    "lean layers",
    "tiled head",
    "packed rows",
)  # experts count every token of the last layer, too
ALL = (*WITH_EXPERTS, "last layer where it counts")
SHARED = (*ALL[:-1], "shared prompts", ALL[-1])


def proof(tmp_path, model=None, examples=ROWS, method="sft", device="cpu", noise=0.0, **sections):
    """The policy with its paths, and what was told about them."""
    job = job_from_values({"method": {"kind": method}, **sections})
    policy = Policy(tiny_model() if model is None else model, device, noise=noise)
    found = proven(job, policy, examples, Desk(tmp_path))
    is_told = (tmp_path / "events.jsonl").exists()
    return found, [remark.title for remark in told(events_of(tmp_path), Remark)] if is_told else []


def way_of(tmp_path, asked="auto", model=None, examples=ROWS, **more):
    """The way that is chosen for a model without own paths, and what was told about it."""
    found, remarks = proof(tmp_path, model, examples, rows={"packing": asked}, train={"fast": "off"}, **more)
    return found.way, remarks


def is_proven_shared(tmp_path, model, examples):
    """Whether pairs of this model that begin alike are found to come out as each side alone."""
    return proof(tmp_path, model, examples, "dpo", train={"fast": "off"})[0].way == "shared"
