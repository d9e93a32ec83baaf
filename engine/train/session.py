"""A training run from its job to its result. The order of the work stands here; each part in its own file."""

from pathlib import Path

import torch

from engine.job.channel import RECORD_FILE, Desk
from engine.job.clashes import resolved
from engine.job.errors import DataError
from engine.job.events import Phase, Prepared, Remark
from engine.job.job import Job, require_data
from engine.job.record import update_record
from engine.library.devices import machine
from engine.library.lineage import Lineage, lineage_of
from engine.library.lora_mixture import refuse_lora_mixture
from engine.library.mixtures import refuse_mixture
from engine.library.models import check_model
from engine.library.room import fitted
from engine.library.speed import remember_speed
from engine.models.adapters import load_adapter
from engine.models.beginning import load_beginning
from engine.models.load import LoadedModel
from engine.train.anchoring import look_at_reference, watches_start, with_mismatched_rows
from engine.train.assembly import Assembly, assemble, examples_in_use
from engine.train.checkpoints import newest_whole, step_of
from engine.train.examples import blocks
from engine.train.growing import with_grown_experts
from engine.train.loop import train_loop
from engine.train.result import discard_result, tell_result, write_result
from engine.train.rows import PreparedRows, prepare_rows


def train(job: Job, desk: Desk, resume_from: Path | None = None) -> None:
    """Train what the job asks for in the desk's folder; `resume_from` is the checkpoint to go on from.

    A stop that keeps saves what was learned and returns; one that discards removes it. Raises EngineError
    children: InputError before anything was written, TrainingError or ResourceError later.
    """
    require_data(job)
    if job.device.threads is not None:
        torch.set_num_threads(job.device.threads)
    job, remarks = resolved(job)
    for words in remarks:
        desk.tell(Remark("info", words))
    desk.tell(Phase("model", "Loading the model"))
    idle = machine()
    lineage = lineage_of(job)
    refuse_mixture(job, check_model(lineage.folder))
    refuse_lora_mixture(job, check_model(lineage.folder))
    loaded = load_beginning(lineage, job.model.dtype, job.device.kind, job.model.quantization)
    loaded = with_grown_experts(job, loaded, desk)
    desk.tell(Phase("rows", "Reading the rows"))
    job, rows = _fitted_rows(job, loaded, desk)
    desk.tell(Phase("first-step", "Taking the first step"))
    run = assemble(job, loaded, lineage, rows, idle, desk)
    is_resumed = resume_from is not None and _resume(run, desk, resume_from)
    if not is_resumed:
        _look_at_reference(job, run, rows, desk)
    if run.reference is not None:
        run.reference.finish()
    _note_data(rows, desk.folder)
    desk.tell(_prepared(job, loaded, rows, run))
    train_loop(run.training, run.between)
    _finish(job, loaded, lineage, rows, run, desk)


def _fitted_rows(job: Job, loaded: LoadedModel, desk: Desk) -> tuple[Job, PreparedRows]:
    """The rows, cut where the model's room ends, and the job that says so; a person is told where it matters."""
    job, words = fitted(job, loaded.info)
    try:
        rows = prepare_rows(job, loaded.tokenizer, desk)
    except DataError:
        if words:
            desk.tell(Remark("info", words))
        raise
    if words and rows.cut:
        desk.tell(Remark("info", words))
    return job, rows


def _resume(run: Assembly, desk: Desk, asked: Path) -> bool:
    """Go on from the newest undamaged checkpoint up to the one asked for; False when there is none."""
    checkpoint, damaged = newest_whole(asked.parent.parent, asked)
    for name, fault in damaged.items():
        earlier = f"Going on from step {step_of(checkpoint)}." if checkpoint else "Starting again."
        desk.tell(Remark("warn", f"The checkpoint {name} is damaged: {fault}.", earlier))
    if checkpoint is None:
        return False
    facts = run.keeper.restore(checkpoint, load_adapter)
    if facts["data"] != run.facts["data"]:
        title = f"The data has changed since {checkpoint.name} was saved."
        raise DataError(title, "Put the old files back, or start a new run with the new ones.")
    differences = [name for name in run.facts if name != "data" and facts.get(name) != run.facts[name]]
    if differences:
        words = ", ".join(f"{name} {facts.get(name)} before, {run.facts[name]} now" for name in differences)
        desk.tell(Remark("info", f"Continued, but not to the last digit as before: {words}."))
    return True


def _look_at_reference(job: Job, run: Assembly, rows: PreparedRows, desk: Desk) -> None:
    """Before the first update: a model that is its own reference is about to change."""
    reference, training = run.reference, run.training
    if reference is None or reference.follows:
        return
    learned = [] if watches_start(job) else examples_in_use(training.order, training.examples)
    held = blocks(rows.validation, training.rows_at_a_time.size)
    groups = [*learned, *held]
    look_at_reference(reference, list(with_mismatched_rows(groups)), training.rows_at_a_time, desk)


def _note_data(rows: PreparedRows, folder: Path) -> None:
    if (folder / RECORD_FILE).exists():
        update_record(folder, data_hashes=rows.hashes)


def _prepared(job: Job, loaded: LoadedModel, rows: PreparedRows, run: Assembly) -> Prepared:
    weights = list(run.training.policy.model.parameters())
    return Prepared(
        device=loaded.device,
        dtype=loaded.dtype,
        template=rows.template,
        rows_train=len(rows.train),
        rows_validation=len(rows.validation),
        rows_skipped=rows.skipped,
        rows_cut=rows.cut,
        tokens_per_epoch=rows.train.tokens,
        trained_tokens_per_epoch=rows.train.trained,
        parameters=loaded.info.parameters,
        parameters_trained=sum(weight.numel() for weight in weights if weight.requires_grad),
        steps=run.training.state.steps,
        micro_batch=run.training.rows_at_a_time.size,
        batch_size=job.train.batch_size,
        threads=torch.get_num_threads(),
        fast_paths=run.training.policy.paths,
    )


def _finish(
    job: Job, loaded: LoadedModel, lineage: Lineage, rows: PreparedRows, run: Assembly, desk: Desk
) -> None:
    stop = run.between.stop
    if stop is not None and not stop.keep:
        discard_result(desk.folder)
        return
    desk.tell(Phase("saving", "Saving"))
    run.between.save("end")
    write_result(run.training.policy.model, loaded, bool(lineage.earlier), desk.folder)
    state = run.training.state
    tell_result(state, desk)
    remember_speed(
        job,
        loaded.info,
        loaded.device,
        loaded.dtype,
        tokens=state.tokens,
        seconds=state.seconds,
        scored=rows.train.trained / rows.train.tokens,
        recomputed=run.plan.recomputed / loaded.info.layers,
    )
