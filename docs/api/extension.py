"""What the API pages need to know of our code: which names are public, and what a role in a docstring points to.

Our packages load their names lazily. The one list of them is ``__init__.pyi``: Griffe reads it, but does not take it
for a list of what is public. A role such as ``:func:`~monai_mocoi.data.load_datalist``` becomes a link, or code where
no page shows the object; one that names nothing fails the build.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

import griffe

OURS = ("monai_mocoi", "data_prep")
ROLE = re.compile(r":(?P<role>func|class|mod|meth|data|attr|exc):`(?P<name>~?[\w.]+)`", re.DOTALL)
SHARED = re.compile(r"^(?P<indent> +)(?P<names>\w+(?:, (?:\w+|\.\.\.))+): ", re.MULTILINE)  # several arguments at once
FORMULA = re.compile(r"^\.\. math:: *(?P<formula>.+)$", re.MULTILINE)
UNPACKED = re.compile(
    r"^(?P<names>[A-Z]\w*(?:(?:, | = )[A-Z]\w*)+) = ", re.MULTILINE
)  # constants that Griffe does not see
LOGGER = griffe.get_logger(__name__)


class Faces(griffe.Extension):
    """Takes the names of each ``__init__.pyi`` for public, and turns the roles of all docstrings into links."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}
        self.unpacked: set[str] = set()

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **_: Any) -> None:
        """Prepare a package that has just been loaded."""
        if pkg.name not in OURS:
            return
        if pkg.name != OURS[0] and OURS[0] not in loader.modules_collection.members:
            loader.load(OURS[0])  # what the docstrings of the others point to
        for module in _modules(pkg):
            aliases = {name: member for name, member in module.members.items() if member.is_alias}
            face = [name for name, alias in aliases.items() if alias.target_path.startswith(f"{module.path}.")]
            if face:
                module.exports = list(face)
                self.shown |= {aliases[name].target_path: f"{module.path}.{name}" for name in face}
            for names in UNPACKED.findall("\n".join(module.lines)):
                self.unpacked |= set(re.findall(r"\w+", names))
        loader.resolve_aliases(implicit=True)
        for module in _modules(pkg):
            for item in [module, *_objects(module)]:
                if item.docstring:
                    packages = loader.modules_collection.members
                    text = item.docstring.value
                    item.docstring.value = _with_links(item, text, self.shown, packages, self.unpacked)


def _modules(module: griffe.Module) -> Iterator[griffe.Module]:
    yield module
    for inner in module.modules.values():
        if not inner.is_alias:
            yield from _modules(inner)


def _objects(parent: Any) -> Iterator[Any]:
    for member in parent.members.values():
        if not member.is_alias and not member.is_module:
            yield member
            yield from _objects(member)


def _with_links(
    item: Any, text: str, shown: dict[str, str], packages: dict[str, Any], unpacked: Collection[str]
) -> str:
    def linked(match: re.Match[str]) -> str:
        name = match["name"].lstrip("~")
        last = name.rpartition(".")[2]
        found = _object_of(item, name, packages)
        ours = name.split(".")[0] in OURS or ("." not in name and match["role"] != "mod")
        if found is None and ours and last not in unpacked:
            LOGGER.warning(f"{item.path}: its docstring names {name}, which does not exist")
        if found is None or not found.has_docstring:  # no page shows it
            return f"`{last}`"
        if found.path in shown:
            return f"[`{last}`][{shown[found.path]}]"
        if found.parent is not None and found.parent.path in shown:
            return f"[`{last}`][{shown[found.parent.path]}.{found.name}]"
        return f"`{last}`"

    text = FORMULA.sub(lambda match: f"`{match['formula']}`", text)
    return SHARED.sub(_apart, ROLE.sub(linked, text))


def _apart(match: re.Match[str]) -> str:
    *first, last = match["names"].split(", ")
    return (
        "".join(f"{match['indent']}{name}: see `{last}`.\n" for name in first if name != "...")
        + f"{match['indent']}{last}: "
    )


def _object_of(item: Any, name: str, packages: dict[str, Any]) -> Any:
    """The object that is meant; None: there is no such object among ours."""
    scopes = [""]
    scope = item
    while scope is not None:
        scopes.append(f"{scope.path}.")
        scope = scope.parent
    for prefix in scopes:
        first, _, rest = f"{prefix}{name}".partition(".")
        if first in packages:
            with suppress(KeyError, griffe.AliasResolutionError, griffe.CyclicAliasError):
                found = packages[first][rest] if rest else packages[first]
                return found.final_target if found.is_alias else found
    return None
