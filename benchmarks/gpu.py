"""Training on one CUDA GPU, beside the same work done plainly with transformers and PEFT.

    python benchmarks/gpu.py            needs CUDA; a few minutes
    python benchmarks/gpu.py --cpu      a tiny model on the processor, to see that all works

It needs the checkout and installed packages, nothing else. Both sides take the same rows in the same updates, with
the same LoRA, in bfloat16; the first loss of both stands in the table as a proof. Tokens count once per sequence
(prompt with chosen and prompt with rejected answer for DPO), padding never.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

HEAD = (
    *("model", "method", "tokens a row", "rows an update", "Tunewright tokens/s", "plain tokens/s", "ratio"),
    *("memory MB", "plain MB", "first loss", "plain"),
)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 2 where there is no CUDA and --cpu was not given."""
    parser = argparse.ArgumentParser(
        description="Training on one CUDA GPU beside plain transformers and PEFT."
    )
    parser.add_argument("--cpu", action="store_true", help="a tiny model on the processor instead")
    parser.add_argument("--steps", type=int, default=20, help="updates of each run (20)")
    options = parser.parse_args(arguments)
    if not options.cpu and not torch.cuda.is_available():
        print("There is no CUDA device here; --cpu tries the same with a tiny model.", file=sys.stderr)
        return 2
    from benchmarks.gpu_training import WARM_STEPS, cases, measured  # imports transformers and PEFT

    if options.steps <= WARM_STEPS:
        parser.error(f"--steps must be above {WARM_STEPS}")
    device = "cpu" if options.cpu else "cuda"
    name = "this processor" if options.cpu else torch.cuda.get_device_name(0)
    print(f"{name}, torch {torch.__version__}, Python {sys.version.split()[0]}\n")
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUNEWRIGHT_HOME"] = folder
        for size, batch in cases(options.cpu):
            for method in ("sft", "dpo"):
                print(measured(size, method, batch, device, options.steps, Path(folder)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
