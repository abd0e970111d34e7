"""State of a handler, as a checkpoint keeps it: some of its attributes."""

from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar

from ignite.base import Serializable


class KeptState(Serializable):
    """Base of handlers with a state; the attributes are copied, out and in."""

    kept: ClassVar[Mapping[str, str]]
    """Attributes by their names in the checkpoint."""
    added: ClassVar[Mapping[str, Any]] = {}
    """What stands for a name that checkpoints of earlier versions lack."""

    def __init_subclass__(cls) -> None:
        cls._state_dict_all_req_keys = tuple(name for name in cls.kept if name not in cls.added)

    def state_dict(self) -> Any:
        """The state."""
        return {name: copy(getattr(self, attribute)) for name, attribute in self.kept.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go back to a state."""
        super().load_state_dict(state_dict)
        values = {**self.added, **state_dict}
        for name, attribute in self.kept.items():
            setattr(self, attribute, copy(values[name]))
