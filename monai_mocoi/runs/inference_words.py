"""What the log says of an inference: unreadable, contradictory and unusual images, by their rows and never by name."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from monai_mocoi.metrics import references_needed

logger = logging.getLogger(__name__)

_MOST_ROWS, _MOST_KINDS, _MOST_OF_A_KIND = 5, 3, 20


def done_in_words(done: int, unreadable: Mapping[int, str]) -> str:
    """``Done: 7 of 8. 1 unreadable (row 6): it is empty``; of several reasons each with its number of images."""
    total = f"Done: {done} of {done + len(unreadable)}."
    if not unreadable:
        return total
    rows = [str(index + 1) for index in sorted(unreadable)]
    named = ", ".join(rows[:_MOST_ROWS]) + (" and others" if len(rows) > _MOST_ROWS else "")
    kinds = Counter(reason.rstrip(".") for reason in unreadable.values()).most_common()
    shown = [reason if len(kinds) == 1 else f"{count} {reason}" for reason, count in kinds[:_MOST_KINDS]]
    if others := sum(count for _, count in kinds[_MOST_KINDS:]):
        shown.append(f"{others} for other reasons")
    return f"{total} {len(rows)} unreadable (row{'s' if len(rows) > 1 else ''} {named}): {'; '.join(shown)}"


def warn_of_contradictions(contradictions: Mapping[int, str], done: int) -> None:
    """Warn if DICOM headers, by the index of the image, contradict what the classifier is for."""
    if contradictions:
        logger.warning(
            "%d of %d images are of another kind by their DICOM header (row%s; the column 'note' says how). They were "
            "classified all the same: what is said of them may mean nothing.",
            *(len(contradictions), done, _rows(contradictions)),
        )


def warn_of_unusual(percentiles: Mapping[int, float], done: int, limit: float, references: int) -> None:
    """Warn of images unlike the classifier's own, where ``percentiles``, by index, reach ``limit``.

    They are based on so many ``references``, its validation images.
    """
    unusual = [index for index, percentile in percentiles.items() if percentile >= limit]
    if unusual:
        logger.warning(
            "%d of %d images are unlike the classifier's own (unusual_percentile %g or more; about %.3g would be so by "
            "chance, were they all of its kind): row%s. What is said of them may mean nothing; look at them.",
            *(len(unusual), done, limit, done * (100 - limit) / 100, _rows(unusual)),
        )
    elif references < (needed := references_needed(limit)):
        logger.info(
            "No image is warned of as unusual: unusual_percentile is based on %d validation images, so that it is "
            "%.1f at most, below unusual_limit %g (which needs %d validation images). Sort by it, and look at the "
            "highest; or lower unusual_limit.",
            *(references, 100 * references / (references + 1), limit, needed),
        )


def _rows(indices: Iterable[int]) -> str:
    """``s 3, 7 and 12 more``: the first rows, from 1."""
    rows = sorted(index + 1 for index in indices)
    more = f" and {len(rows) - _MOST_OF_A_KIND} more" if len(rows) > _MOST_OF_A_KIND else ""
    return ("s " if len(rows) > 1 else " ") + ", ".join(map(str, rows[:_MOST_OF_A_KIND])) + more
