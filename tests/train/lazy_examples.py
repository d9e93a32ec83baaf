"""Examples of a test as a run has them: lines of a table, built when they are asked for."""

from array import array
from collections.abc import Sequence

from engine.models.encoded import EncodedPair
from engine.models.encoded_table import EncodedTable
from engine.train.batches import Example
from engine.train.examples import Examples


def lazy(examples: Sequence[Example]) -> Examples:
    """The same examples, in the same order."""
    results = [
        one.parts[0] if len(one.parts) == 1 else EncodedPair(one.number, 0, *one.parts) for one in examples
    ]
    indexes = array("I", (one.index for one in examples))
    return Examples(EncodedTable.of(results), array("I", range(len(results))), indexes)
