"""What is worth a look in inspected data, and the one-click fixes: each an edit of the job, never of a file."""

from dataclasses import dataclass

from engine.job.events import Inspected
from engine.job.job import Job
from engine.library.arithmetic import plural

FEW_ROWS = 20
LISTED_ROWS = 8


@dataclass(frozen=True)
class Fix:
    """A button: what it says, and the field of the job that it sets."""

    label: str
    dotted: str
    value: object


@dataclass(frozen=True)
class Finding:
    """One remark: what it is, a line about it, and what can be done. `tone`: "bad", "warn" or "good"."""

    title: str
    text: str = ""
    fixes: tuple[Fix, ...] = ()
    tone: str = "warn"


def findings(found: Inspected, job: Job) -> list[Finding]:
    """Everything that a person should know of this data before training, the worst first."""
    remarks = [Finding(found.refusal, tone="bad")] if found.refusal else []
    remarks += _too_long(found, job) + _duplicates(found, job)
    remarks += [_left_out(found, reason, count) for reason, count in found.skipped.items()]
    if found.endless_rows and found.end_tokens:
        rows = listed(found.endless_rows, len(found.endless_rows))
        text = f"The model may not learn to stop there: {rows}."
        remarks.append(Finding("Some answers end without an end token", text))
    if found.is_complete and 0 < found.usable < FEW_ROWS:
        text = "A style needs some dozens of examples, a task some hundreds."
        remarks.append(Finding(f"Only {plural(found.usable, 'row')}", text))
    remarks += [Finding(sentence) for sentence in found.remarks]
    return remarks + _undone(job)


def listed(rows: tuple[int, ...], count: int) -> str:
    """Row numbers, the first few of them."""
    words = ", ".join(str(row) for row in rows[:LISTED_ROWS])
    return f"{'row' if count == 1 else 'rows'} {words}" + (" …" if count > LISTED_ROWS else "")


def _too_long(found: Inspected, job: Job) -> list[Finding]:
    over = max(found.too_long, found.cut)
    if not over:
        return []
    longest = max([*found.lengths, *found.lengths_rejected, 8])
    ways = {
        "cut": "What does not fit is cut, the end of the answer last.",
        "trim": "The oldest part of the prompt is trimmed, never the answer.",
        "drop": "They are left out.",
    }
    others = {"trim": "Trim the prompt", "drop": "Leave out"}
    can_be_longer = job.rows.max_tokens < longest  # else it is the model that has no more room
    fixes = [Fix(f"Use {longest}", "rows.max_tokens", longest)] if can_be_longer else []
    fixes += [Fix(words, "rows.too_long", way) for way, words in others.items() if way != job.rows.too_long]
    text = (
        f"{ways[job.rows.too_long]} {_sentence(listed(found.cut_rows, found.cut)) if found.cut_rows else ''}"
    )
    return [Finding(f"{plural(over, 'row')} too long", text.strip(), tuple(fixes))]


def _duplicates(found: Inspected, job: Job) -> list[Finding]:
    if not found.duplicates or job.rows.duplicates == "drop":
        return []
    rows = _sentence(listed(found.duplicate_rows, found.duplicates)) if found.duplicate_rows else ""
    text = f"Copies teach the same thing twice. {rows}".strip()
    fix = Fix("Remove", "rows.duplicates", "drop")
    return [Finding(f"{_copies(found.duplicates)} of earlier rows", text, (fix,))]


def _left_out(found: Inspected, reason: str, count: int) -> Finding:
    rows = listed(found.skipped_rows.get(reason, ()), count)
    detail = found.details.get(reason, "")
    words = "row is" if count == 1 else "rows are"
    return Finding(f"{count:,} {words} left out: {reason}", f"{_sentence(rows)} {detail}".strip())


def _undone(job: Job) -> list[Finding]:
    """Fixes that are in force, each with its way back."""
    done = []
    if job.rows.duplicates == "drop":
        done.append(
            Finding("Copies are removed", fixes=(Fix("Keep them", "rows.duplicates", "keep"),), tone="good")
        )
    if job.rows.malformed == "skip":
        fix = Fix("Stop instead", "rows.malformed", "stop")
        done.append(Finding("Malformed lines are skipped", fixes=(fix,), tone="good"))
    if job.rows.too_long != "cut":
        words = (
            "Long prompts are trimmed"
            if job.rows.too_long == "trim"
            else "Rows that are too long are left out"
        )
        done.append(Finding(words, fixes=(Fix("Cut instead", "rows.too_long", "cut"),), tone="good"))
    return done


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + "."


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count:,} copies"
