from __future__ import annotations

import csv
from pathlib import Path

from data_prep.inhouse.private_folder import PrivateFolder
from data_prep.inhouse.site_codes import SiteCodes


def test_a_site_by_its_name_or_its_code(tmp_path: Path) -> None:
    private = PrivateFolder(tmp_path / "private")
    code = SiteCodes(private)
    north = code("North")
    assert north == code("North") == code(f" {north} ") == private.pseudonyms.site("North") != code("South")
    with open(tmp_path / "private" / "sites.csv", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["North", "South"]  # no code for a site's name
