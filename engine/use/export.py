"""The task "export": write a run's result in a format of its own, open it again, and give a receipt."""

import gc
import json
import shutil

from engine.job.cards import ExportCard, find_card, resolve
from engine.job.channel import Desk
from engine.job.errors import JobError, ModelError
from engine.job.events import Exported
from engine.job.exports import EXPORTS
from engine.job.tasks import ExportTask
from engine.library.export_plan import export_caveat, run_export_problem, written_as
from engine.library.lora_mixture import is_lora_mixture
from engine.library.models import check_model
from engine.library.tokenizer_files import control_texts
from engine.models.adapters import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from engine.models.fingerprint import fingerprint
from engine.models.own_adapter import is_own
from engine.use.again import opened_again
from engine.use.card import MERGED_CODE, remarked
from engine.use.hearing import Ears
from engine.use.making import Work, Written
from engine.use.mixture import export_mixture
from engine.use.open import Opened, is_adapter, open_beside, open_place, own_dtype
from engine.use.places import find_run_place
from engine.use.prompts import trial_prompts, words_of
from engine.use.receipt import Expected, agreement, checks
from engine.use.stranger import Export, Reopened, reopened
from engine.use.target import check_target, filled, folder_size
from engine.use.trial import Trial
from engine.use.writing import bytes_needed, generation_settings, write_model

_NOTABLE_ROUNDING = 0.02  # of the norm of what was learned
PUT_ON = 'model = PeftModel.from_pretrained(base, "this-folder")\n'
RESIZE = "base.resize_token_embeddings(ROWS, mean_resizing=False)  # room for the new tokens\n"
ADAPTER_CODE = f"""from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

base = AutoModelForCausalLM.from_pretrained("the-base-model", dtype="DTYPE")
{PUT_ON}model.generation_config = GenerationConfig.from_pretrained("this-folder")  # where an answer ends
tokenizer = AutoTokenizer.from_pretrained("this-folder")"""
OWN_CODE = """# PEFT has no such adapter. Tunewright opens this folder beside its base model; in a terminal:
# tunewright compare this-folder --prompt "Hello"
from engine.use.open import open_model

opened = open_model("this-folder")
model, tokenizer = opened.model, opened.tokenizer"""


def export(task: ExportTask, desk: Desk) -> None:
    """Make the export complete or not at all; tells Phase, Progress, the receipt's Checks, and Exported.

    Raises EngineError children in one sentence: bad input before anything is written, StoppedError on Cancel.
    """
    card = find_card(EXPORTS, task.format, "export.format")
    kind = _precision(task, card)
    place = find_run_place(task.run)
    if place.job is None or place.learned is None:
        raise ModelError(f"{task.run} has learned nothing.", "Name a run.")
    base = check_model(place.base)
    title, advice = run_export_problem(place.job, base, task.format, bool(place.beneath))
    if title:
        raise ModelError(title, advice)
    becomes = written_as(place.job, base)
    target = check_target(task.out, bytes_needed(task.format, kind, becomes, place.learned))
    prompts = trial_prompts(place.job, control_texts(place.base))
    with filled(target) as part:
        work = Work(task, desk, Ears(desk), place, base, part, kind, prompts, {})
        written: Written = resolve(card.code)(work)
        work.bases.clear()
        gc.collect()  # the models make room for the process that opens the export
        found = _receipt(work, written)
        size, files = folder_size(part)
        work.ears.obey()
    before, after = written.expected.compare, found.trial
    desk.tell(
        Exported(
            path=str(target),
            format=task.format,
            bytes=size,
            files=files,
            fingerprint=written.fingerprint,
            prompt=words_of(before.prompts[0]) if before.prompts else "",
            answer_before=before.texts[0] if before.texts else "",
            answer_after=after.texts[0] if after.texts else "",
        )
    )


def export_merged(work: Work) -> Written:
    """One complete model that stock transformers opens, with tokenizer, template, end tokens and card."""
    if work.place.job is not None and is_lora_mixture(work.place.job):
        return export_mixture(work)
    work.phase("model", "Loading the model")
    tuned = open_place(work.place, dtype=work.kind, bases=work.bases)
    work.phase("answers", "Asking the tuned model")
    same = work.ask(tuned)
    is_compared = tuned.loaded.dtype == own_dtype(work.place.base)
    compare = same if is_compared else work.ask(open_place(work.place, bases=work.bases))
    beside = _beside(work) if is_compared and tuned.merged else None
    work.phase("writing", "Writing the model")
    write_model(tuned, work.part, work.task.shard_gigabytes, work.progress("Writing the model", "bytes"))
    work.write_card(
        "merged", tuned.loaded.dtype, remarked(MERGED_CODE, export_caveat(work.place.job, work.base))
    )
    words, is_learned = _built_in(tuned, beside, same)
    expected = Expected(same, compare, tuned.loaded.dtype, tuned.end_ids, tuned.tokenizer, words, is_learned)
    return Written(Export(work.part, device=tuned.loaded.device), expected, fingerprint(tuned.model))


def export_adapter(work: Work) -> Written:
    """An adapter's two files with tokenizer, end tokens and card; the base is needed beside them."""
    learned = work.place.learned
    if learned is None or not is_adapter(learned):
        raise ModelError("This run trained the whole model, so there is no adapter.", "Export it as merged.")
    work.phase("model", "Loading the model")
    tuned = open_beside(work.place, bases=work.bases)
    work.phase("answers", "Asking the tuned model")
    same = work.ask(tuned)
    compare = work.ask(open_place(work.place, bases=work.bases))
    work.phase("writing", "Writing the adapter")
    config = json.loads((learned / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = work.place.source
    (work.part / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
    shutil.copyfile(learned / ADAPTER_WEIGHTS, work.part / ADAPTER_WEIGHTS)
    tuned.tokenizer.save_pretrained(work.part)
    generation_settings(tuned.model, tuned.tokenizer, tuned.end_ids).save_pretrained(work.part)
    rows = _rows_to_add(work, tuned)
    code = OWN_CODE if is_own(learned) else _adapter_code(tuned.loaded.dtype, rows)
    work.write_card("adapter", "as trained", code)
    words = f"Adapter {tuned.fingerprint}; it needs its base model beside it."
    expected = Expected(
        same,
        compare,
        tuned.loaded.dtype,
        tuned.end_ids,
        tuned.tokenizer,
        words,
        True,
        opens="The folder opens with its base model",
        loaded="Loaded again from disk by Tunewright, since PEFT has no such adapter"
        if is_own(learned)
        else "",
        inside="What was learned is inside",
    )
    export = Export(
        work.part,
        base=str(work.place.base),
        dtype=tuned.loaded.dtype,
        device=tuned.loaded.device,
        rows=rows,
    )
    return Written(export, expected, tuned.fingerprint)


def _rows_to_add(work: Work, tuned: Opened) -> int:
    """How many tokens the base must be given room for before the adapter fits it; 0 where it has it."""
    rows = int(tuned.model.config.get_text_config().vocab_size)
    return rows if rows > work.base.vocab else 0


def _adapter_code(dtype: str, rows: int) -> str:
    code = ADAPTER_CODE.replace("DTYPE", dtype)
    return code.replace(PUT_ON, RESIZE.replace("ROWS", str(rows)) + PUT_ON) if rows else code


def _precision(task: ExportTask, card: ExportCard) -> str:
    """The chosen type; the format's first one for "auto" where that is not a choice itself."""
    kind = next(iter(card.types)) if task.type == "auto" and "auto" not in card.types else task.type
    if kind not in card.types:
        valid = ", ".join(card.types)
        raise JobError(f"'export.type' is '{kind}', which is not one of: {valid}.", "Choose one of these.")
    return kind


def _beside(work: Work) -> Trial:
    """The answers of the adapter beside its base, before any rounding."""
    return work.ask(open_beside(work.place, bases=work.bases))


def _built_in(tuned: Opened, beside: Trial | None, same: Trial) -> tuple[str, bool]:
    """The receipt's words about what was learned, and whether it is there at all."""
    merged = tuned.merged
    if merged is None:
        return f"All weights were trained; fingerprint {tuned.fingerprint}.", True
    words = f"Adapter {tuned.fingerprint} merged; {_counted(merged.layers_changed, 'layer')} changed."
    if merged.rounding > _NOTABLE_ROUNDING:
        words += (
            f" Rounding to {tuned.loaded.dtype} took {merged.rounding:.0%} off its effect; 32-bit keeps all."
        )
    if beside is not None and agreement(beside, same) < len(same.texts):
        agreed = agreement(beside, same)
        words += f" Before merging, {agreed} of {len(same.texts)} answers were the same."
    return words, merged.layers_changed > 0


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _receipt(work: Work, written: Written) -> Reopened:
    work.phase("checking", "Opening the export again")
    same = written.expected.same
    tell = work.progress("Trying the export", "prompts")
    if is_own(work.part):
        found = opened_again(work, written)
        for line in checks(written.expected, found):
            work.desk.tell(line)
        return found
    found = reopened(
        written.export,
        same,
        tokenizer=written.expected.tokenizer,
        ends=written.expected.ends,
        max_new_tokens=work.tokens,
        answered=lambda done: tell(done, len(same.prompts)),
        stopped=work.ears.obey,
    )
    for line in checks(written.expected, found):
        work.desk.tell(line)
    return found
