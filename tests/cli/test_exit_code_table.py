from __future__ import annotations

import re

from monai_mocoi import exit_codes
from monai_mocoi.cli.exit_code_table import exit_code_table


def test_every_code_once_with_a_meaning():
    table = dict(exit_code_table())
    constants = {value for name, value in vars(exit_codes).items() if name.isupper()}
    assert set(table) == constants
    assert len(table) == len(list(exit_code_table()))
    assert table[exit_codes.FINISHED] == "The run came to its end."
    assert "--resume true" in table[exit_codes.PREEMPTED]
    assert not any("`" in meaning or "\n" in meaning for meaning in table.values())


def test_the_documentation_has_the_same_codes(repository):
    page = (repository / "docs" / "commands.md").read_text(encoding="utf-8")
    runs, preparation = (part for part in page.split("| Code | ")[1:])
    assert {int(code) for code in re.findall(r"(?m)^\| (\d+) ", preparation)} <= set(dict(exit_code_table()))
    rows = (line.split("|")[1:3] for line in runs.splitlines() if line.startswith("| ") and line[2].isdigit())
    documented = {int(code): meaning.strip() for code, meaning in rows}
    table = dict(exit_code_table())
    assert list(documented) == list(table)
    for code, meaning in table.items():
        assert words(meaning).startswith(words(documented[code]))


def words(meaning):
    return re.sub(r'["`.]', "", meaning).lower()
