"""What Welcome says of the bundled example, read from the files themselves."""

from dataclasses import dataclass
from pathlib import Path

from engine.library.example import example_job
from engine.library.folders import starter_folder
from engine.library.models import describe


@dataclass(frozen=True)
class ExampleFacts:
    """Parameters of the starter model and rows of the sample."""

    parameters: int
    rows: int


def example_facts() -> ExampleFacts:
    """Count them."""
    paths = [Path(source.path) for source in example_job().data]
    rows = sum(path.read_bytes().count(b"\n") for path in paths)
    return ExampleFacts(describe(starter_folder()).parameters or 0, rows)
