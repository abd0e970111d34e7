"""Report of a leak audit: what was found, in numbers and examples."""

from dataclasses import dataclass, field

from monai_mocoi.errors import DatasetError

NEAR_CORRELATION = 0.97
NEAR_IN_THE_MIDDLE = 0.75
"""From these correlations of descriptors on, of the whole and of the middle, two pictures count as nearly identical;
measured, see docs/data.md."""


@dataclass(frozen=True)
class Pair:
    """Two images of two splits that should not both be there: each (split, name within the dataset folder).

    ``what`` is "patient", "file", "picture" (identical pixels) or "near"; ``detail`` the patient's id or the
    correlation.
    """

    what: str
    detail: str
    first: tuple[str, str]
    second: tuple[str, str]

    def __str__(self) -> str:
        label = f"{self.what} {self.detail}".strip()
        return f"{label}: {self.first[0]} {self.first[1]} = {self.second[0]} {self.second[1]}"


@dataclass(frozen=True)
class AuditReport:
    """What the audit found in the data set ``name``.

    Numbers by split are ``images``, ``patients`` and ``repeats`` (whose picture is in the same split already: no leak);
    ``leaks`` are by what is shared: "patient", "file", "picture"; ``near`` counts nearly identical pairs by pair of
    splits, such as "training and test" (a warning). Of either there are up to 10 examples, the most alike first.
    """

    name: str
    images: dict[str, int]
    patients: dict[str, int]
    repeats: dict[str, int]
    leaks: dict[str, int] = field(default_factory=dict)
    leak_examples: tuple[Pair, ...] = ()
    near: dict[str, int] = field(default_factory=dict)
    near_examples: tuple[Pair, ...] = ()

    @property
    def clean(self) -> bool:
        """True without a leak; pictures that are nearly identical do not count."""
        return not any(self.leaks.values())

    def text(self) -> str:
        """Return the report as lines for people."""
        lines = [f"Leak audit of '{self.name}'"]
        for split, n in self.images.items():
            again = f", {self.repeats[split]} repeat a picture of the same split" if self.repeats[split] else ""
            lines.append(f"  {split}: {n} images of {self.patients[split]} patients{again}")
        for what, plural in (("patient", "patients"), ("file", "files"), ("picture", "identical pictures")):
            lines.append(f"  {plural} in two splits: {self.leaks.get(what, 0)}")
        lines += [f"    {pair}" for pair in self.leak_examples]
        total = sum(self.near.values())
        lines.append(f"  nearly identical pairs across splits (correlation >= {NEAR_CORRELATION}): {total}")
        lines += [f"    {splits}: {n}" for splits, n in self.near.items() if n]
        lines += [f"    {pair}" for pair in self.near_examples]
        if total:
            lines.append("  WARNING: look at these pairs; if they show the same picture, take one of each out.")
        lines.append("  Result: " + ("clean" if self.clean else "LEAK"))
        return "\n".join(lines)


class LeakError(DatasetError):
    """A patient, file or picture is in two splits: ``report``, the whole audit, and ``remedy``, what to do about it."""

    remedy = (
        "prepare the dataset folder again, which splits by patient, or take the images named above out of one of the "
        "two splits in datalist.json; then audit it again."
    )

    def __init__(self, report: AuditReport) -> None:
        self.report = report
        counts = ", ".join(f"{n} {what}(s)" for what, n in report.leaks.items() if n)
        examples = "\n".join(f"  {pair}" for pair in report.leak_examples)
        super().__init__(
            f"'{report.name}' has {counts} in two splits, so scores would be too good to be true:\n{examples}\n"
            f"How to fix it: {self.remedy}"
        )
