"""Codes in the place of sites' names."""

from __future__ import annotations

import re

from data_prep.inhouse.private_folder import PrivateFolder

_CODE = re.compile(r"site-[0-9a-f]{6}")


class SiteCodes:
    """Makes the code of a site, of its name or of the code itself; ``sites.csv`` of the private folder gets both.

    Args:
        private: the folder.
    """

    def __init__(self, private: PrivateFolder) -> None:
        self._private = private
        self._known: dict[str, str] = {}  # the folder is asked once a name, not once an image

    def __call__(self, name: str) -> str:
        """Return the code."""
        if _CODE.fullmatch(name.strip()):
            return name.strip()
        if name not in self._known:
            self._known[name] = self._private.site(name)
        return self._known[name]
