"""Which image a table means: by its path, the end of one, or its file name, with or without suffix."""

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

Key = tuple[str, tuple[str, ...]]  # a file name, with or without suffix, and folders


def image_finder(images: Sequence[str], words: Sequence[str]) -> Callable[[str], str | None]:
    """From what a table, in all its ``words``, calls an image to its id; of several images, and of none, None.

    A row in folders that the image is not in is of another image. Only where no row is in the images' folders does the
    table mean other folders throughout; a file name then counts if the table has it once.
    """
    known = set(images)
    by_end: dict[Key, list[str]] = {}  # at most two images by the last of their folders, from none to all
    by_folders: dict[Key, list[str]] = {}  # by all of them
    for image in images:
        folders, base = _parts(image)
        for name in {base, posixpath.splitext(base)[0]}:
            for depth in range(len(folders) + 1):
                _add(by_end, (name, folders[len(folders) - depth :]), image)
            _add(by_folders, (name, folders), image)

    def alike(name: str, folders: tuple[str, ...], least: int) -> set[str]:
        """Images of a name that are in these folders, as far as both have any; ``least``: that both must have."""
        if len(folders) < least:
            return set()
        longer = by_end.get((name, folders), [])
        shorter = (by_folders.get((name, folders[start:]), []) for start in range(len(folders) + 1 - least))
        return {*longer, *(image for found in shorter for image in found)}

    def find(word: str, least: int, only_name: bool = False) -> str | None:
        word = word.replace("\\", "/")
        if word in known:
            return word
        folders, base = _parts(word)
        for name in (base, posixpath.splitext(base)[0]):
            if found := alike(name, () if only_name else folders, least):
                return found.pop() if len(found) == 1 else None
        return None

    if any(find(word, 1) for word in {*words}):
        return lambda word: find(word, 0)
    often = _names(words)
    return lambda word: find(word, 0, only_name=True) if often[_parts(word.replace("\\", "/"))[1]] == 1 else None


def _add(images: dict[Key, list[str]], key: Key, image: str) -> None:
    found = images.setdefault(key, [])
    if len(found) < 2:
        found.append(image)


def _names(words: Iterable[str]) -> Counter[str]:
    return Counter(_parts(word)[1] for word in {word.replace("\\", "/") for word in words})


def _parts(path: str) -> tuple[tuple[str, ...], str]:
    *folders, base = path.split("/")
    return tuple(folder for folder in folders if folder not in ("", ".")), base
