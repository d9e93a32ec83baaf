"""The experts of an answer's tokens: as one whole pass over prompt and answer chooses them."""

import pytest
import torch

from engine.models import routes
from engine.models.generate import encode_prompt, generate
from engine.models.routes import RouteWatch, expert_layers
from engine.models.routing import at_each_router
from engine.models.upcycle import Growth, upcycled
from tests.models.all_families import model_of
from tests.models.test_generate import Scripted
from tests.models.test_lora_experts import mixture
from tests.models.tiny_models import tiny_model, tiny_tokenizer

PROMPT = "how are you?"


def grown(family):
    return upcycled(tiny_model(family), Growth(experts=4, top_k=2, seed=3)).eval()


MODELS = {
    "lora experts": lambda: mixture(moved=0.2)[0],
    "lora experts, 8 of which 4": lambda: mixture("qwen3", 8, 4, moved=0.2)[0],
    "grown llama": lambda: grown("llama"),
    "grown qwen3": lambda: grown("qwen3"),
    "mixtral": lambda: model_of("mixtral"),
    "qwen2-moe": lambda: model_of("qwen2-moe"),
    "qwen3-moe": lambda: model_of("qwen3-moe"),
    "olmoe": lambda: model_of("olmoe"),
}


class Told(RouteWatch):
    """Keeps what is told."""

    def __init__(self):
        self.prompts, self.parts = [], []
        super().__init__(
            lambda tokens, counts: self.prompts.append((tokens, counts)),
            lambda first, tokens: self.parts.append((first, tokens)),
        )

    @property
    def tokens(self):
        found = []
        for first, tokens in self.parts:
            found[first:] = tokens
        return found


def answered(model, tokenizer, **changes):
    settings = {"seed": 1, "temperature": 1.0, "max_new_tokens": 24, "end_ids": (), **changes}
    watch = Told()
    return generate(model, tokenizer, PROMPT, routes=watch, **settings), watch


def written(model, tokenizer, **changes):
    """The ids of the answer, taken from what goes in: the last one does not."""
    ids = []
    model.register_forward_pre_hook(
        lambda module, args, named: ids.append(named["input_ids"][0].tolist()), with_kwargs=True
    )
    answer, watch = answered(model, tokenizer, **changes)
    return [token for passed in ids[1:] for token in passed], answer, watch


def said_in_one_pass(model, ids):
    said = []
    with (
        torch.no_grad(),
        at_each_router(model, lambda place, router, inputs, what: said.append(what)),
    ):
        model(input_ids=torch.tensor([ids]), use_cache=False)
    return said


@pytest.mark.parametrize("name", MODELS)
def test_they_are_those_of_one_whole_pass_over_prompt_and_answer(name):
    model, tokenizer = MODELS[name](), tiny_tokenizer()
    asked = encode_prompt(tokenizer, PROMPT)
    ids, answer, watch = written(model, tokenizer)
    assert answer.tokens == 24
    said = said_in_one_pass(model, [*asked, *ids])
    assert len(said) == 2
    assert len(watch.tokens) == len(ids) == 23
    for layer, (_, weights, chosen) in enumerate(said):
        own = torch.tensor([token.experts[layer] for token in watch.tokens])
        assert torch.equal(own, chosen[len(asked) :])
        shares = torch.tensor([token.weights[layer] for token in watch.tokens])
        torch.testing.assert_close(shares, weights[len(asked) :], atol=1e-3, rtol=0)
    ((tokens, counts),) = watch.prompts
    assert tokens == len(asked)
    for layer, (scores, _, chosen) in enumerate(said):
        first = chosen[: len(asked), 0].tolist()
        assert counts[layer] == tuple(first.count(expert) for expert in range(scores.shape[1]))


def test_the_characters_of_the_tokens_are_the_answer():
    model, tokenizer = MODELS["mixtral"](), tiny_tokenizer()
    script = tokenizer("\u20ac and a dog \U0001f600 say", add_special_tokens=False)["input_ids"]
    answer, watch = answered(Scripted(model, script), tokenizer, temperature=0.0, max_new_tokens=len(script))
    assert len(watch.tokens) == len(script) - 1  # the last one has not gone through the experts
    covered = {place for token in watch.tokens for place in range(token.start, token.end)}
    last = tokenizer.decode(script[-1:])
    assert covered == set(range(len(answer.text) - len(last)))
    shown = [answer.text[token.start : token.end] for token in watch.tokens]
    assert shown[:3] == ["\u20ac"] * 3
    assert shown.count("\U0001f600") == 4


def test_the_last_token_of_an_answer_that_ended_is_told_and_its_end_token_is_not():
    model, tokenizer = MODELS["mixtral"](), tiny_tokenizer()
    script = tokenizer("hello dog", add_special_tokens=False)["input_ids"]
    answer, watch = answered(Scripted(model, [*script, 2]), tokenizer, temperature=0.0, end_ids=(2,))
    assert answer.text == "hello dog"
    assert answer.ended
    shown = [answer.text[token.start : token.end] for token in watch.tokens]
    assert shown == [tokenizer.decode([token]) for token in script]


def test_what_is_drawn_does_not_depend_on_being_heard_and_nothing_stays_on_the_model():
    model, tokenizer = MODELS["lora experts"](), tiny_tokenizer()
    settings = {"seed": 1, "temperature": 1.0, "max_new_tokens": 24, "end_ids": ()}
    alone = generate(model, tokenizer, PROMPT, **settings)
    assert answered(model, tokenizer)[0].text == alone.text
    assert not any(part._forward_hooks for part in model.modules())


def test_a_dense_model_tells_nothing():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    _, watch = answered(model, tokenizer)
    assert watch.prompts == watch.parts == []
    assert expert_layers(model).layers == ()


def test_long_answers_are_told_in_parts_of_a_bounded_size(monkeypatch):
    monkeypatch.setattr(routes, "_LARGEST_PART", 20)  # two layers of two choices: five tokens
    model, tokenizer = MODELS["mixtral"](), tiny_tokenizer()
    _, whole = answered(model, tokenizer)
    sizes = [len(tokens) for _, tokens in whole.parts]
    assert max(sizes) == 5
    assert [first for first, _ in whole.parts] == [sum(sizes[:n]) for n in range(len(sizes))]
    assert sum(sizes) == 23


def test_tokens_divided_otherwise_in_the_end_are_told_again_from_the_first():
    watch = Told()
    with watch.hearing(MODELS["mixtral"](), 2):
        pass
    router = (torch.zeros(2, 4), torch.ones(2, 1), torch.zeros(2, 1, dtype=torch.long))
    watch._hear(0, None, None, router)
    for _ in range(2):
        watch._hear(0, None, None, tuple(part[:1] for part in router))
    watch.settle([(0, 1)])
    watch.finish([(0, 2), (2, 3)])
    assert [(first, len(tokens)) for first, tokens in watch.parts] == [(0, 1), (0, 2)]
    assert [(token.start, token.end) for token in watch.tokens] == [(0, 2), (2, 3)]


def test_layers_and_experts_are_counted_in_the_model_itself():
    found = expert_layers(MODELS["lora experts, 8 of which 4"]())
    assert (found.layers, found.experts, found.top_k) == ((0, 1), 8, 4)
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

    from tests.models.all_families import SIZE

    sizes = {**SIZE, "num_hidden_layers": 4, "head_dim": 8, "moe_intermediate_size": 24}
    some = Qwen3MoeForCausalLM(Qwen3MoeConfig(**sizes, num_experts=6, decoder_sparse_step=2))
    found = expert_layers(some)
    assert (found.layers, found.experts) == ((1, 3), 6)
