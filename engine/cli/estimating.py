"""estimate: what a job would need, before anything is started."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from engine.cli.check import add_job_options, asked_job, check_job
from engine.cli.output import Output
from engine.cli.progress import size
from engine.cli.verb import DONE, Verb
from engine.data.rows import Conversation, Feedback, Message, Preference, Row, Text
from engine.job.adapters import ADAPTERS
from engine.job.codec import to_plain
from engine.job.job import Job
from engine.job.rates import usual_rate
from engine.library.arithmetic import time_words
from engine.library.devices import machine
from engine.library.estimate import Estimate, RowStats, estimate
from engine.library.export_plan import ExportPlan, plan_export, run_export_problem
from engine.library.lineage import as_trained

SAMPLED_ROWS = 500
TEMPLATE_TOKENS = 4  # what a chat template adds around a message


def _estimate(options: Namespace, output: Output) -> int:
    job = asked_job(options)
    checked = check_job(job, output)
    stats = row_stats(checked.rows.rows, checked.model.folder, job.model.new_tokens)
    found = estimate(as_trained(job), checked.model, stats, machine())
    plan = None
    if not run_export_problem(job, checked.model, "merged")[0]:
        plan = plan_export(job, checked.model, "merged", "auto")
    output.result({**to_plain(found), "export": to_plain(plan)})
    _report(found, plan, job, output)
    return DONE


def row_stats(rows: Sequence[Row], model: Path, new_tokens: Sequence[str] = ()) -> RowStats:
    """Number and lengths of the rows; the lengths are those of 500 of them, evenly taken."""
    from tokenizers import AddedToken, Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in new_tokens])
    sequences = [texts for row in rows[:: max(1, len(rows) // SAMPLED_ROWS)] for texts in _sequences(row)]
    flat = [text for texts in sequences for text in texts]
    counts = iter([len(found.ids) for found in tokenizer.encode_batch(flat, add_special_tokens=False)])
    lengths = [sum(next(counts) + TEMPLATE_TOKENS for _ in texts) for texts in sequences]
    return RowStats(rows=len(rows), tokens_mean=sum(lengths) / len(lengths), tokens_max=max(lengths))


def _sequences(row: Row) -> tuple[tuple[str, ...], ...]:
    """The texts of each sequence that a row becomes: a preference has one for either answer."""
    match row:
        case Conversation(messages=messages):
            return (_contents(messages),)
        case Preference(prompt=prompt, chosen=chosen, rejected=rejected):
            return (_contents((*prompt, *chosen)), _contents((*prompt, *rejected)))
        case Feedback(prompt=prompt, completion=completion):
            return (_contents((*prompt, *completion)),)
        case Text(text=text):
            return ((text,),)


def _contents(messages: Sequence[Message]) -> tuple[str, ...]:
    return tuple(message.content for message in messages)


def _report(found: Estimate, plan: ExportPlan | None, job: Job, output: Output) -> None:
    time = (
        "unknown" if found.seconds is None else " to ".join(time_words(seconds) for seconds in found.seconds)
    )
    fits = "fits" if found.fits else "does not fit"
    facts: list[tuple[str, object]] = [
        ("Memory", f"{size(found.total)} needed, {size(found.free)} free: it {fits}"),
        ("  weights", size(found.weights)),
        ("  adapter", size(found.adapter)),
        ("  activations", size(found.activations)),
        ("  working", size(found.working)),
        ("Rows at a time", found.micro_batch),
        ("Numbers that learn", f"{found.parameters_trained:,}"),
        ("Corrections", found.updates),
        ("Learning rate", _rate_words(job)),
        ("Time", time),
        ("Disk", size(found.disk)),
        ("Reckoning", found.arithmetic),
        ("Export", plan.words if plan else "stays beside its base model"),
    ]
    if plan and plan.caveat:
        facts.append(("  remark", plan.caveat))
    output.facts(facts)


def _rate_words(job: Job) -> str:
    rate, own = job.train.learning_rate, usual_rate(job.adapter.kind, job.adapter.settings)
    title = ADAPTERS[job.adapter.kind].title
    return f"{rate:g}, as is usual for {title}" if rate == own else f"{rate:g} (usual for {title}: {own:g})"


ESTIMATE = Verb("estimate", "Tell what a job would need: memory, time, disk.", add_job_options, _estimate)
