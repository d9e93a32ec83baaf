"""The benchmark of a mixture compares like with like."""

import torch

from benchmarks import experts


def test_the_plain_loop_computes_what_the_mixture_does():
    ids = torch.arange(5, 37).unsqueeze(0)
    model = experts._mixture(torch.float32, True)
    torch.manual_seed(1)
    second = [
        weight for name, weight in model.named_parameters() if name.endswith(("gate_b", "up_b", "down_b"))
    ]
    with torch.no_grad():
        for weight in second:
            weight.add_(torch.randn_like(weight) * 0.1)
    found = []
    for _ in range(2):
        experts._step(model, ids)
        found.append([weight.grad for weight in second])
        model = experts._looped(model)  # the same weights
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-3)


def test_the_plain_lora_is_as_large_as_all_experts_together():
    def learned(model):
        return sum(
            weight.numel()
            for name, weight in model.named_parameters()
            if weight.requires_grad and ".mlp." in name and "router" not in name
        )

    assert learned(experts._plain(torch.float32, True)) == learned(experts._mixture(torch.float32, True))


def test_a_quick_look_fills_the_table():
    table = experts.measure(True)
    assert any("kept" in row.what for row in table.rows)
    assert any(row.aim for row in table.rows)
