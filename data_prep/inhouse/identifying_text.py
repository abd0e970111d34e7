"""Texts that identify people: dates, names that the headers have, and titles before names."""

import re
import unicodedata
from collections.abc import Iterable

# In English, German, French and Spanish, in small letters without accents.
_MONTHS = (
    "january february march april june july august september october november december "
    "januar janner februar feber marz maerz mai juni juli oktober dezember "
    "janvier fevrier mars avril juin juillet aout septembre octobre novembre decembre "
    "enero febrero marzo abril junio julio agosto septiembre setiembre octubre noviembre diciembre"
).replace(" ", "|")
# These are other words too (may be, Mayo score, optical coherence tomography): months only beside a day or a year.
_SHORT = (
    "may mayo jan feb mar apr jun jul aug sep sept oct okt nov dec dez mrz janv fevr avr juil ene abr ago dic"
).replace(" ", "|")
_MONTH = re.compile(
    rf"(?<![a-z])(?:{_MONTHS}|(?:{_SHORT})[ ./'-]*[0-9]{{2}})(?![a-z])|[0-9][ ./-]*(?:{_SHORT})(?![a-z])"
)
_NUMBERS = re.compile(
    r"(?<![0-9])(?<![0-9][.,])(?:"
    r"[0-3]?[0-9][./-][01]?[0-9][./-](?:[0-9]{2})?[0-9]{2}"  # 4.3.2019, 04/03/19
    r"|[01]?[0-9][./-][0-3]?[0-9][./-](?:[0-9]{2})?[0-9]{2}"  # 3/31/2019
    r"|[0-9]{4}[/-][01]?[0-9](?:[/-][0-3]?[0-9])?"  # 2019-03, 2019/03/04
    r"|(?:0?[1-9]|1[0-2])[./-](?:18[89]|19[0-9]|20[0-9])[0-9]"  # 04.1931, 4/2019
    r"|(?:0?[1-9]|1[0-2])/[0-9]{2}"  # 4/31
    r"|(?:18[89]|19[0-9]|20[0-9])[0-9]"  # 1963
    r")(?![0-9]|[.,][0-9])"
)
_WORD = re.compile(r"[^\W\d_]{3,}")
_FEW = 3
# "MS" and "DR" are diseases: short ones count with a dot, or written as titles are.
_TITLE = re.compile(
    r"(?<!\w)(?:"
    r"(?i:dr|dra|drs|prof|mme|mlle|mrs|mr|ms|hr|fr|sr|sra|srta|dott|pd)\.\s*"
    r"|(?:Dr|Dra|Drs|Prof|PROF|prof|Mme|Mlle|Mrs|Mr|Ms|Hr|Sra|Srta|Dott)\s+"
    r"|(?i:professor|professeur|profesora?|doctora?|doktor|docteur|dottore|dottoressa|herr|frau|monsieur|madame"
    r"|mademoiselle|se[nñ]ora?|signora?|oberarzt|ober[aä]rztin|chefarzt|chef[aä]rztin)\s+"
    r")[^\W\d_]{2,}"
)


def is_dated(text: str) -> bool:
    """Whether a text holds a year, a date or the name of a month: "März", "3. Dez", "4/31", "04.1931", "born 1963"."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign))
    return any(form.search(plain) is not None for form in (_MONTH, _NUMBERS))


def name_words(names: Iterable[str]) -> set[str]:
    """Return the words of three letters or more of people's names ("Qvistgaard^Thaddeus"), in small letters."""
    return {word for name in set(names) for word in _WORD.findall(name.casefold())}


def names_people(values: Iterable[str], names: set[str]) -> bool:
    """Tell whether most values of a column hold one of the :func:`name_words`.

    One or two among others are no sign: White and Black are surnames, and words for something else. All of them are.
    """
    distinct = set(values)
    named = sum(any(word in names for word in _WORD.findall(value.casefold())) for value in distinct)
    return named > 0 and (named == len(distinct) or (named >= _FEW and 2 * named > len(distinct)))


def has_title(text: str) -> bool:
    """Whether a text holds a title before a name, in English, German, French, Spanish or Italian: "Dr. Meier"."""
    return _TITLE.search(text) is not None
