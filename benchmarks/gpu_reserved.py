"""What a run makes torch reserve on the GPU: `python -m benchmarks.gpu_reserved FOLDER` tells bytes reserved and held."""

import sys
from pathlib import Path

import torch

from benchmarks.gpu_training import job_of, joined_data, random_model
from engine.job.channel import Desk
from engine.train.session import train


def main() -> None:
    """Thirty updates of a model of 40 million parameters, in padded rows of changing width."""
    folder = Path(sys.argv[1])
    run = folder / "run"
    run.mkdir(parents=True)
    model, data = random_model("40M", folder, "cuda"), joined_data("sft", folder)
    train(job_of("sft", model, data, 16, "cuda", 30, {"rows": {"packing": "off"}}), Desk(run))
    print(torch.cuda.max_memory_reserved(), torch.cuda.max_memory_allocated())


if __name__ == "__main__":
    main()
