"""The lowest versions that ``make test-oldest`` installs are those that pyproject.toml promises."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


def floors(repository: Path) -> dict[str, Version]:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    found = {}
    for line in lines:
        requirement = Requirement(line)
        (floor,) = [part.version for part in requirement.specifier if part.operator == ">="]
        found[canonicalize_name(requirement.name)] = Version(floor)
    return found


def pins(file: Path) -> dict[str, Version]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in lines)}


def test_every_floor_is_what_the_oldest_versions_are(repository: Path) -> None:
    oldest, lowest = pins(repository / "constraints-oldest.txt"), floors(repository)
    exact = pins(repository / "constraints.txt")
    assert oldest.pop("torch") == exact["torch"]  # its old wheels bring CUDA along
    del lowest["torch"]
    assert {name: oldest.get(name) for name in lowest} == lowest


def test_the_exact_versions_lie_in_the_ranges(repository: Path) -> None:
    exact = pins(repository / "constraints.txt")
    low = {name: version for name, version in floors(repository).items() if name in exact and exact[name] < version}
    assert low == {}
