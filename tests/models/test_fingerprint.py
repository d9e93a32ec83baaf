import re

import torch

from engine.models.fingerprint import fingerprint
from tests.models.tiny_models import tiny_model


def test_the_same_weights_have_the_same_mark():
    assert fingerprint(tiny_model()) == fingerprint(tiny_model())
    assert re.fullmatch("[0-9a-f]{4} [0-9a-f]{4}", fingerprint(tiny_model()))


def test_one_changed_value_changes_the_mark():
    model = tiny_model()
    before = fingerprint(model)
    with torch.no_grad():
        model.model.norm.weight[0] += 1e-4
    assert fingerprint(model) != before
