"""A part of an export, ``--part 2/3``: so that several machines can share the work, each doing some of the patients.

Every part looks at all files and at the whole table, so that what depends on all of them (matching, rare values, sites
held out) comes out as it would in one go; only reading and writing pictures, which takes the time, is shared. Which
part a
patient is in, the pseudonym says: no list has to be agreed on. ``python -m data_prep join`` puts the parts together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from monai_mocoi.data.errors import RefusedError

OTHER_PART = "of a patient of another part"

_PART = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True)
class Part:
    """The part ``number`` (1, 2, ...) ``of`` so many.

    Raises:
        RefusedError: there is no such part.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise RefusedError(
                f"--part {self} is none; of {self.of} parts there are 1/{self.of} to {self.of}/{self.of}."
            )

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read "2/3".

        Raises:
            RefusedError: it is no part.
        """
        found = _PART.fullmatch(text.strip())
        if found is None:
            raise RefusedError(f"--part is {text!r}; the second of three parts is 2/3.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, patient: str) -> bool:
        """Tell whether a patient belongs to this part.

        Args:
            patient: the pseudonym, "p" and hexadecimal digits: a keyed hash, so the parts are about equally large.
        """
        return int(patient[1:], 16) % self.of == self.number - 1
