import json
from pathlib import Path

import pytest

from engine.library.example import example_job


@pytest.mark.slow  # three workers, each with three seconds of imports
def test_the_example_trains_compares_and_exports(call, runs):
    done = call("example", "--steps", 2, "--runs", runs, "--json")

    assert done.code == 0, done.err
    values = json.loads(done.out)
    assert (values["status"], values["step"]) == ("done", 2)
    prompts = list(example_job().watch.prompts)
    assert values["comparison"]["prompts"] == prompts
    assert len(values["comparison"]["answers"]) == 2 * len(prompts)
    assert (Path(values["export"]["path"]) / "model.safetensors").is_file()
    assert all(check["passed"] for check in values["export"]["checks"])
