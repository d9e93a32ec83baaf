"""What was asked of a long benchmark on the command line."""

import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """`only` names cases (all where it is empty), `repetitions` is None for the usual number."""

    quick: bool = False
    only: tuple[str, ...] = ()
    repetitions: int | None = None

    def is_wanted(self, case: str) -> bool:
        """Whether a case of this name was asked for."""
        return not self.only or case in self.only


def tell(words: str) -> None:
    """Say on stderr what happens now, and when."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)
