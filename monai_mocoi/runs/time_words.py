"""Times in words."""


def about(seconds: float) -> str:
    """A time in the largest unit of which there are two: "about 3 h"."""
    return f"about {short_time(seconds)}"


def short_time(seconds: float) -> str:
    """The same without "about"."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
