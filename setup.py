"""The bundles go into the wheel as data of the package; all else stands in ``pyproject.toml``."""

import shutil
from itertools import product
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

BUNDLES = Path(__file__).resolve().parent / "bundles"
_OF_WHAT = [[file.stem for file in (BUNDLES / "templates" / kind).glob("*.json")] for kind in ("data", "methods")]
NAMES = ["_".join(parts) for parts in product(*_OF_WHAT)]  # and no bundle of one's own beside them
PARTS = ("configs", "docs")  # and no more: weights, runs and predictions beside them are nobody else's


class BuildWithBundles(build_py):
    """Copies ``bundles/`` to ``monai_mocoi/_bundles/``; an editable install reads them where they are."""

    def run(self) -> None:
        """Build."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "monai_mocoi", "_bundles")
        shutil.rmtree(target, ignore_errors=True)
        for name, part in product(NAMES, PARTS):
            shutil.copytree(BUNDLES / name / part, target / name / part)
        for name in NAMES:
            shutil.copy(BUNDLES / name / "LICENSE", target / name)


class SourceWithBundles(sdist):
    """Takes the same files of ``bundles/`` into the source archive."""

    def make_distribution(self) -> None:
        """Add them to the list of files, and pack."""
        for name in NAMES:
            found = [
                BUNDLES / name / "LICENSE",
                *(file for part in PARTS for file in (BUNDLES / name / part).rglob("*")),
            ]
            self.filelist.extend(str(file.relative_to(BUNDLES.parent)) for file in found if file.is_file())
        super().make_distribution()


setup(cmdclass={"build_py": BuildWithBundles, "sdist": SourceWithBundles})
