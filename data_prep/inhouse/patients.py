"""One id a person: what headers, the table and folders call each file's patient, brought together."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from data_prep.inhouse.pseudonyms import names_nobody, normalised_patient, plain_id

NO_PATIENT = "no patient is told, by its header or a row of the table"
# An id of the headers is an anonymiser's word for everybody where it stands for more ids of the table than this, and in
# no less than this share of the files whose header has an id: a patient with many studies does not reach that share.
MOST_IDS = 3
LEAST_SHARE = 0.2


class Patients(NamedTuple):
    """The patient of each file."""

    ids: list[str]  # the same text for all files of a person; "" where nobody is named
    meant: dict[str, str]  # the id of each person by all of that person's ids, as plain_id writes them
    spellings: int  # persons that are written in more than one way
    nobodies: int  # ids of the headers that stand for everybody and were passed over


def join_patients(headers: Sequence[str], table: Sequence[str]) -> Patients:
    """Bring the ids of the files together, by their headers (or folders) and by their rows; "" where there is none.

    A file whose header says A and whose row says B makes A and B one person, so that no other file of A or of B gets
    into another split. Spellings of one id are one. Two persons who are taken for one stay in one split, which costs
    nothing. A person's id is the smallest that headers have, else the table: so it is the same with another table.
    """
    own_ids, other_ids = (
        ["" if names_nobody(text) else normalised_patient(text) for text in texts] for texts in (headers, table)
    )
    stands_for: dict[str, set[str]] = defaultdict(set)
    for own, other in zip(own_ids, other_ids, strict=True):
        if own and other and own != other:
            stands_for[own].add(other)
    often = Counter(filter(None, own_ids))
    least = LEAST_SHARE * often.total()
    nobodies = {own for own, others in stands_for.items() if len(others) > MOST_IDS and often[own] >= least}
    own_ids = ["" if own in nobodies else own for own in own_ids]
    above: dict[str, str] = {}

    def root(own: str) -> str:
        while (next_one := above.setdefault(own, own)) != own:
            above[own] = above[next_one]
            own = above[own]
        return own

    first_of: dict[str, str] = {}
    for own, other in zip(own_ids, other_ids, strict=True):
        if own and other:
            above[root(own)] = root(other)
        for one in filter(None, (own, other)):
            above[root(one)] = root(first_of.setdefault(plain_id(one), one))
    in_headers, every = set(own_ids), {*own_ids, *other_ids} - {""}
    name_of: dict[str, str] = {}
    for own in sorted(every, key=lambda own: (own not in in_headers, plain_id(own), own)):
        name_of.setdefault(root(own), own)
    ids = []
    written: dict[str, set[str]] = defaultdict(set)
    for own, other, header, row in zip(own_ids, other_ids, headers, table, strict=True):
        person = name_of[root(own or other)] if own or other else ""
        ids.append(person)
        if person:
            written[person] |= {text.strip() for key, text in ((own, header), (other, row)) if key}
    meant = {plain_id(own): name_of[root(own)] for own in every}
    return Patients(ids, meant, sum(len(ways) > 1 for ways in written.values()), len(nobodies))
