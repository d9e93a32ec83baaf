"""A second look at an export in our own format, which no stranger can open: Tunewright opens it from disk again."""

import dataclasses
import math

from engine.use.making import Work, Written
from engine.use.open import open_beside
from engine.use.stranger import Reopened
from engine.use.trial import try_out


def opened_again(work: Work, written: Written) -> Reopened:
    """Open what was just written beside a base loaded anew, and ask it the same prompts."""
    place = dataclasses.replace(work.place, learned=work.part)
    opened = open_beside(place, written.export.device)
    prompts = written.expected.same.prompts
    trial = try_out(opened, prompts, work.tokens, math.inf, work.ears.obey)
    has_template = bool(opened.tokenizer.chat_template)
    return Reopened(trial, opened.parameters, opened.end_ids, has_template)
