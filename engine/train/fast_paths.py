"""The faster ways that a run may take instead of a model's own, each to be taken and left by itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from engine.job.channel import Desk
from engine.job.events import Remark
from engine.job.job import Job
from engine.library.speed import pays_to_pack
from engine.models.head import head_of
from engine.models.lean import leave_lean, take_lean
from engine.models.lean_last import leave_last, take_last
from engine.models.segments import can_share, leave_segments, take_segments
from engine.train.forward import Policy


@dataclass(frozen=True)
class FastPath:
    """`take` gives the policy that goes it, None where the model cannot; `leave` has the model as it was.

    `given_up` tells a person what is done instead when it did not prove right.
    """

    name: str
    take: Callable[[Policy], Policy | None]
    leave: Callable[[Any], None]  # Any: PeftModel or a transformers model
    given_up: str


def wanted_paths(job: Job, policy: Policy, texts: int, desk: Desk) -> list[FastPath]:
    """What the job asks for, `texts` being known to prove it by; `take` tells what the model can.

    Nothing is taken yet. Who asked for packing by name is told where the model cannot.
    """
    found = [LEAN, HEAD] if job.train.fast == "auto" else []
    if pays_to_pack(job.rows.packing, policy.device) and texts > 1:
        is_able = take_segments(policy.model)
        leave_segments(policy.model)
        if is_able:
            found.append(PACKED)
            is_pairs = job.method_card.rows == "preference" and job.rows.prefix_sharing == "auto"
            if is_pairs and policy.noise == 0:
                found.append(SHARED)
        elif job.rows.packing == "on":
            title = "Rows are padded: what is trained here cannot take them one after another."
            desk.tell(Remark("info", title, "The result is the same. Nothing to do."))
    if job.train.fast == "auto":
        found.append(LAST)  # behind all others: layers and attention to packed rows compute for it
    return found


def _lean(policy: Policy) -> Policy | None:
    return policy if take_lean(policy.model) else None


def _own_head(policy: Policy) -> Policy | None:
    head = head_of(policy.model)
    return None if head is None else replace(policy, head=head)


def _packed(policy: Policy) -> Policy | None:
    return replace(policy, way="packed") if take_segments(policy.model) else None


def _shared(policy: Policy) -> Policy | None:
    is_able = policy.way == "packed" and can_share(policy.model)
    return replace(policy, way="shared") if is_able else None


def _last(policy: Policy) -> Policy | None:
    last = take_last(policy.model)
    return None if last is None else replace(policy, last=last)


def _nothing(model: Any) -> None:
    """Nothing about the model itself was changed."""


LEAN = FastPath("lean layers", _lean, leave_lean, "The adapter's layers are computed by PEFT's own code")
HEAD = FastPath("tiled head", _own_head, _nothing, "The scores of all words are kept at once")
PACKED = FastPath("packed rows", _packed, leave_segments, "Rows are padded")
SHARED = FastPath("shared prompts", _shared, _nothing, "Each pair's prompt is read twice")
LAST = FastPath("last layer where it counts", _last, leave_last, "The last layer computes every token")
