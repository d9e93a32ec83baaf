"""Splitting into experts on the Method page: choices, refusals in words, main settings, what is exported."""

import dataclasses

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.job.adapters import ADAPTERS
from engine.job.job import job_from_values, job_values, with_kind
from engine.job.moe import MOE
from engine.job.settings import setting_fields
from engine.library.devices import Device, Machine
from engine.library.estimate import estimate
from engine.library.mixtures import GROWN, mixture_problem
from engine.library.models import describe
from engine.library.weights import read_json
from gui.state.experts import base_of
from gui.state.words import parameters_words, size_words
from gui.widgets.labels import ElidedLabel
from tests.gui.waiting import rest
from tests.gui.windows import opened, quick_job, still_state
from tests.library.test_mixtures import folder_of
from tests.models.tiny_folders import tiny_folder

SPLITS = [kind for kind in MOE if kind != "none"]


@pytest.fixture
def page(qapp, monkeypatch):
    with opened(still_state(monkeypatch)) as window:
        window.state.draft.replace(quick_job())
        window.go("method")
        rest()
        yield window.pages["method"]


def use_model(page, folder):
    page.state.draft.set_value("model.source", str(folder))
    rest()


def row(page, kind):
    return page.experts.group.choice(kind)


def press(page, kind):
    QTest.mouseClick(row(page, kind), Qt.MouseButton.LeftButton)
    rest()


def shown(page):
    return [kind for kind in MOE if not row(page, kind).isHidden()]


def reasons(page):
    return {kind: row(page, kind).blocked_reason for kind in MOE}


def from_file(page, **sections):
    """The job that a file would give that says what was chosen here."""
    return job_from_values({**job_values(quick_job()), **sections})


def test_three_ways_are_offered_in_the_words_of_their_cards_and_a_fourth_on_demand(page):
    assert shown(page) == ["none", "lora-experts", "upcycle"]
    assert page.experts.more.text() == "Show 1 more"
    page.experts.more.click()
    assert shown(page) == list(MOE)
    page.state.draft.set_kind("adapter", "full")  # which one of them needs
    rest()
    for kind in ("none", "upcycle", "assemble"):
        card = MOE[kind]
        assert row(page, kind).accessibleName() == card.title
        assert row(page, kind).accessibleDescription() == f"{card.subtitle}. {card.help}"
    page.state.draft.set_kind("adapter", "lora")
    rest()
    # Each of the starter's experts: rank 16 on three matrices of 192 x 512 in each of its layers, and 192 of a router.
    base = base_of(page.state.draft.job)
    each = base.layers * (3 * 16 * (base.hidden + base.intermediate) + base.hidden) * 4
    words = f"Mixture of LoRA experts, {size_words(each)} each."
    assert row(page, "lora-experts").accessibleDescription() == words


@pytest.mark.parametrize("kind", ["lora-experts", "upcycle"])
def test_a_way_that_is_chosen_is_what_a_file_would_say(page, kind):
    press(page, kind)
    assert page.state.draft.job == from_file(page, moe={"kind": kind})
    page.experts.count.button("8").click()
    page.experts.each.button("4").click()
    assert page.state.draft.job == from_file(page, moe={"kind": kind, "experts": 8, "top_k": 4})
    press(page, "none")
    assert page.state.draft.job == quick_job()


def test_fewer_experts_are_fewer_for_each_token(page):
    press(page, "lora-experts")
    page.experts.count.button("8").click()
    page.experts.each.button("8").click()
    page.experts.count.button("4").click()
    assert page.state.draft.job.moe.settings.top_k == 4
    assert [value for value, _ in page.experts.each.options()] == ["2", "4"]
    page.experts.count.button("2").click()
    assert page.state.draft.job.moe.settings.top_k == 2
    assert page.experts.each_row.isHidden()  # of two there is nothing to choose


def test_another_way_gets_no_more_experts_a_token_than_it_has(page):
    page.state.draft.replace(
        from_file(page, moe={"kind": "assemble", "sources": ["a"] * 8, "prompts": ["b"] * 8, "top_k": 8})
    )
    rest()
    page.experts.chosen.emit("upcycle")
    assert page.state.draft.job.moe.settings.top_k == 4
    assert page.state.draft.job.moe.settings.experts == 4


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("gemma2", {}),
        ("sliding phi3", {}),
        ("gpt2", {}),
        ("llama", {"attention_bias": True}),
        ("llama", {"mlp_bias": True}),
    ],
)
def test_a_base_without_a_stock_model_of_experts_is_refused_on_every_card(page, tmp_path, family, changes):
    folder = tmp_path / "model"
    _ = tiny_folder(folder, family, **changes) if changes else folder_of(family, folder)
    use_model(page, folder)
    words, _ = mixture_problem(read_json(folder / "config.json"))
    assert words
    assert reasons(page) == {"none": "", **dict.fromkeys(SPLITS, words)}
    before = page.state.draft.job
    press(page, "lora-experts")
    assert page.state.draft.job == before


def test_a_base_that_has_experts_can_only_be_kept_and_says_what_learns(page, tmp_path):
    use_model(page, folder_of("mixtral", tmp_path))
    words = "Has 4 experts already, 2 for each token. LoRA trains them, the router stays as it is unless you say so."
    assert row(page, "none").accessibleDescription() == words
    assert reasons(page) == {"none": "", **dict.fromkeys(SPLITS, "This model has experts already.")}
    words = "DoRA cannot learn in experts, whose matrices lie in one piece."
    assert page.adapters.group.choice("dora").blocked_reason == words
    page.experts.router.click()
    assert page.state.draft.job.moe.settings.train_router is True
    rest()
    words = "The router learns with LoRA and with full training alone."
    assert page.adapters.group.choice("ia3").blocked_reason == words


def test_the_router_of_such_a_base_learns_only_where_the_adapter_reaches_it(page, tmp_path):
    use_model(page, folder_of("olmoe", tmp_path))
    page.state.draft.set_kind("adapter", "ia3")
    rest()
    assert not page.experts.router.isEnabled()
    assert page.experts.problem.text() == "The router learns with LoRA and with full training alone."
    page.state.draft.set_kind("adapter", "full")
    rest()
    assert page.experts.router.isEnabled()
    assert page.experts.problem.isHidden()


def test_what_does_not_fit_into_memory_says_what_it_needs_and_what_is_free(page):
    def computer(free):
        return Machine("m", 2, 2 * free, free, (Device("cpu", "D", 2 * free, free),))

    page.state.draft.set_value("adapter.rank", 1)
    job, base = page.state.draft.job, base_of(page.state.draft.job)
    small, large = (
        estimate(with_kind(job, "moe", kind), base, None, computer(1)).total  # the least that each needs
        for kind in ("lora-experts", "upcycle")
    )
    free = (small + large) // 2
    page.state.machine.now = computer(free)
    page.state.machine.changed.emit()
    assert reasons(page)["upcycle"] == f"Needs {size_words(large)}, {size_words(free)} free."
    assert reasons(page)["lora-experts"] == ""


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_way_that_does_not_go_with_the_adapter_says_which_one_it_needs(page, adapter):
    page.state.draft.set_kind("adapter", adapter)
    rest()
    found = reasons(page)
    assert found["none"] == ""
    assert found["lora-experts"] == ("" if adapter == "lora" else "Needs LoRA as the part that changes.")
    grows = adapter in ("lora", "full")
    assert found["upcycle"] == ("" if grows else "Needs LoRA or full training as the part that changes.")
    whole = "" if adapter == "full" else "Needs full training as the part that changes."
    assert found["assemble"] == whole


@pytest.mark.parametrize(
    ("kind", "adapter", "free"),
    [
        ("lora-experts", "lora", {"lora"}),
        ("upcycle", "lora", {"lora", "full"}),
        ("assemble", "full", {"full"}),
    ],
)
def test_an_adapter_that_does_not_go_with_the_chosen_way_says_so_and_the_way_back_is_open(
    page, kind, adapter, free
):
    page.state.draft.set_kind("adapter", adapter)
    page.state.draft.set_kind("moe", kind)
    rest()
    for other in ADAPTERS:
        words = "" if other in free else f"Does not go with “{MOE[kind].title}” below."
        assert page.adapters.group.choice(other).blocked_reason == words
    press(page, "none")
    assert {page.adapters.group.choice(other).blocked_reason for other in ADAPTERS} == {""}


def test_compressed_weights_keep_a_model_from_growing(page):
    page.state.draft.set_value("model.quantization", "nf4")
    rest()
    assert reasons(page)["upcycle"] == "Not with compressed weights."


def test_lora_with_settings_that_small_experts_lack_is_told_by_the_settings_name(page):
    page.state.draft.set_value("adapter.dropout", 0.1)
    rest()
    assert reasons(page)["lora-experts"] == "Needs the adapter's setting “Forgetting” as it is by default."


@pytest.mark.parametrize("kind", GROWN)
@pytest.mark.parametrize("split", ["lora-experts", "upcycle"])
def test_what_the_exported_model_will_be_is_shown_before_anything_is_trained(page, tmp_path, kind, split):
    assert page.exported.isHidden()
    use_model(page, tiny_folder(tmp_path / kind, kind))
    page.state.draft.set_kind("moe", split)
    page.state.draft.set_value("moe.experts", 8)
    rest()
    # 32 wide, 48 in its feed-forward parts, two layers: seven more copies of three matrices, and a router of 8 x 32.
    more = 2 * (7 * 3 * 32 * 48 + 8 * 32)
    if kind == "qwen2":  # its shared expert, which adds nothing: three matrices 48 wide, and a gate
        more += 2 * (3 * 32 * 48 + 32)
    whole = describe(tmp_path / kind).parameters + more
    asleep = 2 * 6 * 3 * 32 * 48  # six of eight experts
    said = {cell.accessibleName() for cell in page.exported.facts.findChildren(ElidedLabel)}
    assert {
        f"Parameters: {parameters_words(whole)}",
        f"For each token: {parameters_words(whole - asleep)}",
        f"Size on disk: {size_words(whole * 4)}",  # in 32 bits, as it is so small
        f"Memory to use it: {size_words(whole * 4)}",
    } <= said
    assert page.exported.caveat.isHidden() is (kind != "qwen2")
    assert page.exported.caveat.text().startswith("Qwen2 models of experts" if kind == "qwen2" else "")


@pytest.mark.parametrize("kind", MOE)
def test_every_field_of_the_chosen_way_stands_in_the_form(page, kind):
    page.advanced.toggle()
    page.state.draft.set_kind("moe", kind)
    rest()
    own = {f"moe.{field.name}" for field in setting_fields(MOE[kind].settings)}
    found = {key for key in page.advanced.form.keys() if key.startswith("moe.")}  # noqa: SIM118 - a form, no dict
    assert found == (set() if kind == "none" else own)  # a dense model has no router


def test_a_base_with_experts_has_its_router_in_the_form(page, tmp_path):
    use_model(page, folder_of("qwen3-moe", tmp_path))
    page.advanced.toggle()
    assert page.advanced.form.row("moe.train_router").field.setting.group == "Router"
    page.advanced.tabs.button("Experts").click()
    assert not page.advanced.form.row("moe.train_router").isHidden()


def test_a_changed_field_is_marked_and_can_be_taken_back(page):
    press(page, "lora-experts")
    page.advanced.toggle()
    page.advanced.tabs.button("Experts").click()
    balance = page.advanced.form.row("moe.balance")
    page.state.draft.set_value("moe.balance", 0.05)
    rest()
    assert balance.is_changed
    assert page.advanced.tabs.button("Experts").text().endswith("•")
    balance.take_back()
    assert page.state.draft.job.moe.settings.balance == 0.01
    assert not page.advanced.tabs.button("Experts").text().endswith("•")
    page.state.draft.set_value("moe.experts", 8)
    page.advanced.reset_button.click()
    assert page.state.draft.job.moe.settings == MOE["lora-experts"].settings()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("moe.top_k", 1, "the router would never learn from the loss"),
        ("moe.top_k", 8, "cannot go through 8 experts where there are only 4"),
        ("moe.experts", 3, "A layer can have 2, 4 or 8 experts."),
        ("adapter.dropout", 0.1, "Needs the adapter's setting “Forgetting” as it is by default."),
    ],
)
def test_a_value_that_experts_do_not_allow_is_refused_at_its_field(page, key, value, words):
    press(page, "lora-experts")
    page.advanced.toggle()
    before = page.state.draft.job
    page.advanced.form.changed.emit(key, value)
    assert page.state.draft.job == before
    assert words in page.advanced.form.row(key).error()


def test_a_draft_with_one_expert_a_token_says_so_and_can_be_mended(page):
    page.state.draft.replace(from_file(page, moe={"kind": "lora-experts", "top_k": 1}))
    rest()
    assert "never learn" in page.experts.problem.text()
    assert "never learn" in page.strip.memory_words.text()
    assert "never learn" in page.state.what_is_missing()
    page.experts.each.button("2").click()
    rest()
    assert page.experts.problem.isHidden()
    assert page.state.what_is_missing() == ""


def test_the_estimate_follows_each_edit(page):
    def told():
        rest()
        return page.strip.memory_words.text(), page.strip.disk.text(), page.strip.memory.total()

    said = [told()]
    press(page, "lora-experts")
    said.append(told())
    page.experts.count.button("8").click()
    said.append(told())
    press(page, "upcycle")
    said.append(told())
    disks = [disk for _, disk, _ in said]
    assert len(set(disks)) == 4
    assert sorted(total for _, _, total in said[:3]) == [total for _, _, total in said[:3]]


def test_a_draft_with_an_adapter_that_does_not_go_has_no_estimate_but_a_reason(page):
    page.state.draft.replace(from_file(page, moe={"kind": "lora-experts"}, adapter={"kind": "dora"}))
    rest()
    assert page.strip.memory_words.text() == "Needs LoRA as the part that changes."
    assert page.adapters.group.choice("lora").blocked_reason == ""
    assert page.state.what_is_missing() == "Needs LoRA as the part that changes."


def test_the_cards_stand_beside_each_other_only_where_there_is_room(page):
    window = page.window()
    for width, is_beside in ((1280, True), (1024, False), (1280, True)):
        window.resize(width, 800)
        rest()
        assert page.pair.is_beside is is_beside
        assert (page.experts.width() > page.width() * 0.6) is not is_beside
    page.state.draft.set_kind("adapter", "full")
    page.state.draft.set_kind("moe", "assemble")
    rest()
    assert not page.pair.is_beside  # a list of models wants the whole width


def test_nothing_is_scrolled_where_the_model_is_kept_as_it_is(page):
    page.window().resize(1280, 800)
    rest()
    assert page.area.verticalScrollBar().maximum() == 0


def test_the_words_below_name_what_it_is_good_for_and_its_paper(page):
    assert page.experts_foot.isHidden()
    for kind in SPLITS:
        page.state.draft.set_kind("moe", kind)
        rest()
        card = MOE[kind]
        assert page.experts_foot.words() == f"Good for: {card.good_for} Costs: {card.costs}"
        assert page.experts_foot.paper.text() == card.paper.title


def test_a_split_model_is_not_said_to_leave_as_an_adapter_alone(page):
    page.state.draft.set_kind("moe", "upcycle")
    rest()
    exported = page.adapters.foot.words().partition("Export as: ")[2]
    assert exported.startswith("One complete model")
    assert "adapter" not in exported


def test_a_preset_keeps_the_way_to_split_and_its_settings(page, tmp_path, monkeypatch):
    from gui.pages import method

    path = str(tmp_path / "mine.toml")
    for name in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(method.QFileDialog, name, lambda *_: (path, ""))
    page.state.draft.replace(from_file(page, moe={"kind": "lora-experts", "experts": 8, "balance": 0.05}))
    kept = page.state.draft.job
    page.save_button.click()
    page.state.draft.replace(dataclasses.replace(quick_job(), name="another"))
    page.load_button.click()
    assert page.state.draft.job == dataclasses.replace(kept, name="another")
