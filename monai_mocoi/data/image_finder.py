"""Which image a table means: by its path, the end of one, or its file name, with or without suffix."""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence


def image_finder(images: Sequence[str], words: Sequence[str]) -> Callable[[str], str | None]:
    """From what a table, in all its ``words``, calls an image to its id: a path, or its end, with or without suffix.

    A row in folders that the image is not in is of another image. Only where no row is in the images' folders does the
    table mean other folders throughout; a file name then counts if the table has it once.
    """
    known = set(images)
    by_base, by_stem = defaultdict(list), defaultdict(list)
    for image in images:
        base = posixpath.basename(image)
        by_base[base].append(image)
        by_stem[posixpath.splitext(base)[0]].append(image)

    def find(word: str, compare: Callable[[str, str], bool]) -> str | None:
        word = _slashed(word)
        if word in known:
            return word
        base = posixpath.basename(word)
        for alike in (by_base.get(base), by_stem.get(base), by_stem.get(posixpath.splitext(base)[0])):
            same = [image for image in alike or () if compare(word, image)]
            if same:
                return same[0] if len(same) == 1 else None
        return None

    if any(find(word, _share_folders) for word in words):
        return lambda word: find(word, _folders_agree)
    often = Counter(posixpath.basename(word) for word in {*map(_slashed, words)})
    return lambda word: find(word, lambda own, _: often[posixpath.basename(own)] == 1)


def _folders_agree(one: str, other: str) -> bool:
    """Whether the folders of one path are the last ones of the other's; none agree with all."""
    first, second = _folders(one), _folders(other)
    common = min(len(first), len(second))
    return common == 0 or first[-common:] == second[-common:]


def _share_folders(one: str, other: str) -> bool:
    return bool(_folders(one)) and bool(_folders(other)) and _folders_agree(one, other)


def _folders(path: str) -> list[str]:
    return [part for part in path.split("/")[:-1] if part not in ("", ".")]


def _slashed(word: str) -> str:
    return word.replace("\\", "/")
