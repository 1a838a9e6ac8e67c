"""The contents of run.json for the run that this process trains."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..engine.fixed_weights import fixed_weights
from ..engine.parts import RunParts
from ..errors import CheckpointError
from .environment import describe_environment, environment_changes
from .folder import TIME, RunFolder
from .provenance import describe_components, drift
from .repositories import repositories, uncommitted


class RunInfo:
    """The contents of a run.json that is written by this process alone, while it holds the folder's lock.

    Attributes:
        values: The contents, as plain values.
        made_with: The components, the libraries and the device of this session.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self.values: dict[str, Any] = {}
        self.made_with: dict[str, Any] = {}

    def look(self, parts: RunParts) -> None:
        """Find out the components, the libraries and the device of this session."""
        self.made_with = {
            "components": describe_components(parts.recipe),
            "environment": describe_environment(parts.device, parts.world.size),
        }

    def begin(self, parts: RunParts) -> None:
        """Describe a run that begins: also its first weights and its parameter groups."""
        groups = [group.to_json() for group in parts.finetuning.groups(parts.model, parts.loss)]
        record = parts.finetuning.record
        fixed = fixed_weights(parts.recipe.loss.entry, parts.loss)
        self.values = {"started": f"{datetime.now().astimezone():{TIME}}", "sessions": [], **self.made_with}
        self.values |= ({"pretrained": record} if record else {}) | ({"parameter_groups": groups} if groups else {})
        self.values |= {"fixed_weights": fixed} if fixed else {}
        self.values |= {"repositories": repositories(parts.recipe)}

    def resume(self, values: dict[str, Any], step: int) -> None:
        """Take the contents of an earlier session, and add a session that begins after `step`."""
        ended = ("error", "finished", "finished_early", "result", "findings")
        self.values = {name: value for name, value in values.items() if name not in ended}
        sessions = [*values.get("sessions", []), {"after_step": step, **self.made_with}]
        self.values |= {"sessions": sessions, "trained": True}

    def note(self, **values: Any) -> None:
        """Add values and write the file."""
        self.values = self._folder.write_info(self.values | values)

    def changed(self) -> list[str]:
        """Return a line for each library or device that this session has and the run did not begin with."""
        return environment_changes(self.values["environment"], self.made_with["environment"])

    def changes(self) -> list[str]:
        """Return the changes of code, libraries and device in each session since the run began."""
        lines = []
        for session in self.values.get("sessions", []):
            changed = environment_changes(self.values["environment"], session["environment"])
            changed += drift(self.values["components"], session["components"])
            lines += [f"after step {session['after_step']:,}: {line}" for line in changed]
        return lines

    def irreproducible(self, *, ended_early: bool = False) -> list[str]:
        """Return why others may not be able to repeat the run, a phrase each.

        The reasons are uncommitted code, an extension and, if `ended_early`, an end that the recipe does not contain,
        and changes since the run began.
        """
        extended = [
            f"the steps before {each['after_step']:,} followed another schedule, because the run was extended "
            f"afterwards: {each['became']}"
            for each in self.values.get("extended", [])
            if each["schedule"] == "stretch"  # the recipe contains the other two from the first step on
        ]
        early = ["cvkit finish ended the run before the last epoch of its recipe"] if ended_early else []
        found = self.values.get("repositories")
        code = ["it was not recorded whether the code was committed"] if found is None else uncommitted(found)
        return [*code, *extended, *early, *self.changes()]


def same_digests(fixed: Mapping[str, str], info: Mapping[str, Any]) -> bool:
    """Return whether these fixed weights of a loss have the digests that the run recorded in `info`."""
    return sorted(info.get("fixed_weights", {}).values()) == sorted(fixed.values())


def require_fixed_weights(parts: RunParts, info: dict[str, Any]) -> None:
    """Raise `CheckpointError` if the loss uses other weights than those that the run recorded in `info`."""
    entry = parts.recipe.loss.entry
    recorded, now = info.get("fixed_weights", {}), fixed_weights(entry, parts.loss)
    if not recorded or same_digests(now, info):
        return
    names = ", ".join(f"'{name}'" for name in now) or "none"
    raise CheckpointError(
        f"{entry.owner} uses the weights of {names}, which are not those that the run began with: "
        f"their SHA-256 was {_shown(recorded)} and is {_shown(now)}. Restore them, or start a new run"
    )


def _shown(digests: dict[str, str]) -> str:
    return ", ".join(f"{digest[:12]}..." for digest in digests.values()) or "none"
