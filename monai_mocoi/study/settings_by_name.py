"""Settings in ``study.yaml``, each by the one name that all checks of the study look for."""

from typing import Annotated, Any

from pydantic import BeforeValidator


def _by_one_name(settings: Any) -> Any:
    """Names with ``_`` for ``-``, as a command reads them, so that every check of the study finds them."""
    if not isinstance(settings, dict):
        return settings
    named: dict[Any, Any] = {}
    for name, value in settings.items():
        own = name.replace("-", "_") if isinstance(name, str) else name
        if own in named:
            raise ValueError(f"settings have {own} twice, with - and with _: leave one out")
        named[own] = value
    return named


Settings = Annotated[dict[str, Any], BeforeValidator(_by_one_name)]
