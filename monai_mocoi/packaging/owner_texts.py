"""Texts of a package that say whose it is: metadata, licences, and rows of the model card."""

from collections.abc import Iterator, Mapping
from typing import Any

from monai_mocoi.packaging.finetuned_run import FinetunedRun
from monai_mocoi.packaging.owner import METHOD, NOT_STATED, Owner
from monai_mocoi.packaging.run_words import of_public_data

_NO_LICENSE = (
    "The licence below is that of the configs and of the software. For the weights (models/) whoever made this\n"
    "package has stated no licence: ask them before you use or hand on the weights.\n\n"
)
_DRAWN = "This package contains no data. The classifier was trained on images drawn by monai_mocoi; they show nobody.\n"
_NO_STATEMENT = (
    "This package contains no data. Whoever made it has stated nothing on the images that the classifier was\n"
    "trained on: whose they are, under which terms, and with whose consent they were used. Ask them.\n"
)


def metadata_of(owner: Owner, name: str, metadata: Mapping[str, Any]) -> dict[str, str]:
    """``name``, ``authors``, ``copyright`` and ``contact`` of a package's ``metadata.json``."""
    made = {
        "name": owner.title or name,
        "authors": f"{owner.authors or NOT_STATED}; {METHOD}",
        "copyright": f"weights: {owner.authors or f'{NOT_STATED} whose they are'}; configs and code: "
        f"{metadata.get('copyright', NOT_STATED)}",
    }
    return made | ({"contact": owner.contact} if owner.contact else {})


def license_files(owner: Owner, of_bundle: str) -> dict[str, str]:
    """``LICENSE``, and where it is the maker's own, the bundle's under ``docs/``, which still holds for the configs."""
    if owner.license is not None:
        return {"LICENSE": owner.license, "docs/license_of_configs.txt": of_bundle}
    return {"LICENSE": _NO_LICENSE + of_bundle}


def data_license(owner: Owner, run: FinetunedRun, of_bundle: str) -> str:
    """``docs/data_license.txt``: the maker's statement, or what is known without one."""
    if owner.data_statement is not None:
        return owner.data_statement
    if of_public_data(run):
        return of_bundle.replace("This bundle", "This package")
    return _DRAWN if run.is_demo else _NO_STATEMENT


def describe_owner(owner: Owner, run: FinetunedRun) -> Iterator[tuple[str, str]]:
    """Rows of the model card."""
    yield "Authors", owner.authors or f"**{NOT_STATED}**"
    yield "Contact", owner.contact or f"**{NOT_STATED}**"
    yield "Licence of the weights", "`LICENSE`" if owner.license else f"**{NOT_STATED}**"
    statement = f"**{NOT_STATED}**"
    if owner.data_statement is not None or run.is_demo:
        statement = "`docs/data_license.txt`"
    elif of_public_data(run):
        statement = "terms of the public data set: `docs/data_license.txt`"
    yield "Statement on the data", statement
    yield "Method and software", f"{METHOD}; monai_mocoi"
