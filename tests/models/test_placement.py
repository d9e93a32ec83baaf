import pytest
import torch

from engine.models.load import load_model
from engine.models.placement import settle_attention
from tests.models.tiny_folders import tiny_folder


@pytest.fixture(autouse=True)
def _as_before():
    was_on = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(True)
    yield
    torch.backends.cuda.enable_cudnn_sdp(was_on)


def test_a_gpu_does_not_plan_its_attention_anew_for_every_width():
    settle_attention("cuda")
    assert not torch.backends.cuda.cudnn_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.mem_efficient_sdp_enabled()


def test_loading_settles_it_for_the_device_that_was_chosen(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("engine.models.load.settle_attention", seen.append)
    load_model(tiny_folder(tmp_path / "model", "llama"), device="cpu")
    assert seen == ["cpu"]


def test_a_processor_leaves_it_as_it_was():
    settle_attention("cpu")
    assert torch.backends.cuda.cudnn_sdp_enabled()
