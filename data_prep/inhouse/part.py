"""A part of an export, ``--part 2/3``: so that several machines can share the work, each doing some of the patients.

Every part looks at all files and at the whole table, so that what depends on all of them (matching, rare values, sites
held out) comes out as it would in one go; only reading and writing pictures, which takes the time, is shared. The
pseudonym decides which part a patient is in: no list has to be agreed on. ``python -m data_prep join`` puts the parts
together.
"""

import re
from dataclasses import dataclass
from typing import Any

from data_prep.candidates import Outcome
from monai_mocoi.errors import RefusedError

OTHER_PART = "of a patient of another part"

_PSEUDONYM = re.compile(r"p[0-9a-f]+")
_PART = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True)
class Part:
    """The part ``number`` (1, 2, ...) ``of`` so many; another one is a RefusedError."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise RefusedError(
                f"--part {self} is none; of {self.of} parts there are 1/{self.of} to {self.of}/{self.of}."
            )

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Read "2/3"; what is no part is refused (RefusedError)."""
        found = _PART.fullmatch(text.strip())
        if found is None:
            raise RefusedError(f"--part is {text!r}; the second of three parts is 2/3.")
        return cls(int(found[1]), int(found[2]))

    @property
    def station(self) -> str:
        """Name of the station at which the other parts' images are left out."""
        return f"Part {self}"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, patient: str) -> bool:
        """Tell whether a patient belongs to this part, by the pseudonym: a keyed hash, so the parts are about equal."""
        return _PSEUDONYM.fullmatch(patient) is not None and int(patient[1:], 16) % self.of == self.number - 1


def part_record(outcome: Outcome, part: Part) -> dict[str, Any]:
    """Return what the manifest of a part holds besides the entries of all manifests, for the join."""
    found = outcome.found
    split_of = {name: split for split, names in outcome.splits.items() for name in names}
    flow = [step for step in found.flow if step.name != part.station]  # before the parts were separated
    return {
        "part": {
            "number": part.number,
            "of": part.of,
            "flow": [[step.name, step.entered, dict(step.left_out), step.more] for step in flow],
            "decided": {  # the split of an image, where it was not drawn
                name: split
                for name, split in sorted(found.splits.items())
                # A given split comes first; training is where a part leaves what is still to be drawn.
                if split_of.get(name) == split != "training"
            },
            "columns": list(found.columns),
            "decisions": list(found.decisions),
            "identity": list(found.identity),
        }
    }
