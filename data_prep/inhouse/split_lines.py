"""What a line of ``--split-csv`` means: the image or patient by its pseudonym."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from data_prep.inhouse.matching import FileIndex
from data_prep.inhouse.patients import Patients
from data_prep.inhouse.pseudonyms import Pseudonyms, plain_id
from data_prep.inhouse.survey import Seen

_PSEUDONYM = re.compile(r"[pi][0-9a-f]{16}")


def line_reader(files: Sequence[Seen], patients: Patients, pseudonyms: Pseudonyms) -> Callable[[str], str]:
    """Make what tells the pseudonym of the image or patient that a text means: a path, a file's name, a UID or an id.

    Args:
        files: of the export.
        patients: of the files.
        pseudonyms: made with the key.
    """
    index = FileIndex([own.file.key for own in files], [own.header for own in files])

    def meant(text: str) -> str:
        if _PSEUDONYM.fullmatch(text.strip()):
            return text.strip()
        for key in ("sop", "file"):
            found = index.match("", [text], key).files[0]
            if len(found) == 1:
                return pseudonyms.image(files[found[0]].file.key)
        person = plain_id(text)
        return pseudonyms.patient(patients.meant.get(person, text)) if person else ""

    return meant
