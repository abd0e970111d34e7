"""A bundle by its name: ``nih_mse/train`` for ``bundles/nih_mse/configs/train.json``, from any folder."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import monai_mocoi
from monai_mocoi.deprecated import instead_of
from monai_mocoi.errors import UsageError

_NAMED = re.compile(r"(?P<bundle>\w[\w.-]*)/(?P<config>\w+)(\.json)?")
_PACKAGE = Path(monai_mocoi.__file__).resolve().parent


def find_config(word: str) -> str:
    """The config file that a word names: a path, or a bundle and one of its configs (``nih_mse/train``).

    What is there as a path, or could only be one, is left as it is. A UsageError lists what is nearly called so, and
    where bundles were looked for.
    """
    named = _NAMED.fullmatch(word)
    if named is None or Path(word).exists() or (word.endswith(".json") and Path(word).parent.is_dir()):
        is_name = "/" not in word and not Path(word).exists() and not word.endswith(".json")
        if is_name and bundle_called(word) is not None:
            raise UsageError(f"{word} is a bundle: name one of its configs, as in {word}/train")
        return word
    configs = _find(named["bundle"], f"there is no config file {word}, and no bundle {named['bundle']}") / "configs"
    file = configs / f"{named['config']}.json"
    if not file.is_file():
        if gone := instead_of(named["config"]):
            raise UsageError(f"there is no {named['config']}: {gone}")
        found = sorted(path.stem for path in configs.glob("*.json") if path.stem != "metadata")
        near = difflib.get_close_matches(named["config"], found, n=1)
        hint = f"is {named['bundle']}/{near[0]} meant? " if near else ""
        text = f"the bundle {named['bundle']} ({configs.parent}) has no config {named['config']}"
        raise UsageError(f"{text}: {hint}It has {', '.join(found)}")
    return str(file)


def find_bundle(word: str) -> str:
    """The folder of a bundle, given as a path, which others judge, or by its name; UsageError: no such bundle."""
    if "/" in word or Path(word).exists():
        return word
    return str(_find(word, f"there is no bundle {word}"))


def bundle_called(name: str) -> Path | None:
    """The folder of the bundle that is taken for a name from the current folder; None: there is none."""
    return next((place / name for place in _places() if (place / name / "configs").is_dir()), None)


def named_as(path: Path) -> str | None:
    """The name of a bundle's config for a path that leads nowhere from here; None: no bundle has such a one."""
    for place in _places():
        if (place / path.parent.parent.name / "configs" / path.name).is_file() and path.parent.name == "configs":
            return f"{path.parent.parent.name}/{path.stem}"
    return None


def _find(name: str, what: str) -> Path:
    if (found := bundle_called(name)) is not None:
        return found
    places = list(_places())
    known = sorted({path.parent.name for place in places for path in place.glob("*/configs")} - {"templates"})
    near = difflib.get_close_matches(name, known, n=3)
    hint = f": is {' or '.join(near)} meant?" if near else f"; there are {', '.join(known)}." if known else "."
    raise UsageError(f"{what}{hint} Bundles were looked for in {', '.join(map(str, places))}")


def _places() -> Iterator[Path]:
    """Folders of bundles, the nearest first."""
    here = Path.cwd()
    nearest = [Path("bundles"), Path(), *(folder / "bundles" for folder in here.parents)]
    repository = _PACKAGE.parent  # of an editable install
    ours = [repository / "bundles"] if (repository / "pyproject.toml").is_file() else []
    seen = set()
    for place in (*nearest, *ours, _PACKAGE / "_bundles"):
        if place.is_dir() and place.resolve() not in seen:
            seen.add(place.resolve())
            yield place
