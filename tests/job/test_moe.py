"""The `[moe]` section: what may be chosen together, and words for what may not."""

import pytest

from engine.job.clashes import refuse_clashes
from engine.job.errors import JobError
from engine.job.expert_events import Routing
from engine.job.job import Job, choose, job_from_values, job_values, with_kind
from engine.job.moe import MOE
from engine.job.moe_clashes import refuse_company, refuse_expert_settings
from engine.job.settings import setting_fields


def job_of(kind="lora-experts", adapter=None, **values):
    sections = {"moe": {"kind": kind, **values}}
    return job_from_values(sections | ({"adapter": adapter} if adapter else {}))


def test_a_mixture_goes_into_the_file_and_comes_back():
    job = job_of(experts=8, top_k=4, balance=0.02, z_loss=0.001, router_noise=0.5, noise_share=0.2)
    values = job_values(job)["moe"]
    assert values["kind"] == "lora-experts"
    assert (values["experts"], values["top_k"], values["noise_share"]) == (8, 4, 0.2)
    assert job_from_values({"moe": values}).moe == job.moe


def test_nothing_is_split_unless_it_is_asked_for():
    assert Job().moe.kind == "none"
    refuse_clashes(Job())


@pytest.mark.parametrize("kind", MOE)
def test_routing_is_charted_where_a_router_learns_and_nowhere_else(kind):
    job = job_of(kind)
    assert job.learns_routing == (kind != "none")
    assert bool(job.expert_charts) == job.learns_routing
    if kind == "none":
        job = job_of(kind, train_router=True)
        assert job.learns_routing
    assert [chart.guide_from for chart in job.expert_charts if chart.guide_from] == ["uniform"]
    assert all(
        chart.guide_from in Routing.__dataclass_fields__ for chart in job.expert_charts if chart.guide_from
    )


def test_one_expert_a_token_is_refused_with_its_reason():
    with pytest.raises(JobError, match="the router would never learn"):
        refuse_clashes(job_of(top_k=1))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"experts": 3}, "2, 4 or 8"),
        ({"experts": 2, "top_k": 4}, "only 2 experts"),
        ({"kind": "upcycle", "top_k": 1}, "the router would never learn"),
        ({"kind": "assemble", "sources": ["a", "b", "c"]}, "has 3 models"),
        ({"kind": "assemble"}, "has 0 models"),
    ],
)
def test_numbers_that_no_stock_model_takes_are_refused(values, words):
    with pytest.raises(JobError, match=words):
        refuse_clashes(job_of(**values))


@pytest.mark.parametrize(
    ("adapter", "words"),
    [
        ({"kind": "dora"}, "needs LoRA"),
        ({"kind": "full"}, "needs LoRA"),
        ({"kind": "lora", "pissa": True}, "adapter.pissa"),
        ({"kind": "lora", "dora": True}, "adapter.dora"),
        ({"kind": "lora", "dropout": 0.1}, "adapter.dropout"),
        ({"kind": "lora", "names": ["q_proj"]}, "adapter.names"),
        ({"kind": "lora", "targets": "mlp"}, "adapter.targets"),
    ],
)
def test_small_experts_want_a_plain_lora(adapter, words):
    with pytest.raises(JobError, match=words):
        refuse_clashes(job_of(adapter=adapter))


def test_as_many_experts_a_token_as_there_are_is_allowed():
    refuse_clashes(job_of(experts=2, top_k=2))


@pytest.mark.parametrize("kind", MOE)
def test_another_card_keeps_what_it_has_too(kind):
    job = job_of(balance=0.05)
    assert with_kind(job, "moe", kind).moe.settings.balance == 0.05


@pytest.mark.parametrize("kind", MOE)
def test_every_field_of_the_router_means_the_same_on_every_card(kind):
    own = {field.name: field.setting for field in setting_fields(MOE[kind].settings)}
    for name in ("balance", "z_loss", "router_noise", "noise_share"):
        assert own[name] == {f.name: f.setting for f in setting_fields(MOE["none"].settings)}[name]
    assert choose(MOE, kind, "moe").settings == MOE[kind].settings()


@pytest.mark.parametrize(
    ("job", "brief"),
    [
        (job_of(top_k=1), "With one expert a token its weight is always 1"),
        (job_of(experts=2, top_k=4), "A token cannot go through 4 experts where there are only 2."),
        (job_of(adapter={"kind": "dora"}), "Needs LoRA as the part that changes."),
        (job_of(adapter={"kind": "lora", "dropout": 0.1}), "the adapter's setting “Forgetting”"),
        (job_of("upcycle", {"kind": "ia3"}), "Needs LoRA or full training as the part that changes."),
        (job_of("assemble", sources=["a", "b"], prompts=["c", "d"]), "Needs full training"),
    ],
)
def test_a_refusal_has_words_for_the_window_without_names_of_the_file(job, brief):
    with pytest.raises(JobError) as refused:
        refuse_clashes(job)
    assert brief in refused.value.brief
    assert "moe." not in refused.value.brief
    assert "adapter." not in refused.value.brief


def test_what_is_not_complete_yet_is_told_apart_from_what_does_not_go_together():
    refuse_company(job_of("assemble", {"kind": "full"}))
    with pytest.raises(JobError, match="has 0 models"):
        refuse_expert_settings(job_of("assemble", {"kind": "full"}))
    refuse_expert_settings(job_of(adapter={"kind": "dora"}))
    with pytest.raises(JobError, match="needs LoRA"):
        refuse_company(job_of(adapter={"kind": "dora"}))
