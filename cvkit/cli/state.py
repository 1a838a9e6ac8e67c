"""How a plugin is doing, in words."""

from __future__ import annotations

from ..catalog import PluginStatus


def state(status: PluginStatus) -> str:
    """Return whether a plugin works, with what a user should know of it, in one line."""
    if not status.works:
        return status.reason
    faults = ["is slow"] if status.slow else []
    faults += [f"loads {', '.join(status.heavy)}"] if status.heavy else []
    remarks = ["has no hooks"] if status.idle else []
    remarks += [f"its declaration {' and '.join(faults)}"] if faults else []
    return f"works, but {', and '.join(remarks)}" if remarks else "works"


def no_components(status: PluginStatus) -> str:
    """Return what a plugin that works and has no components offers, with the reason."""
    return f"no components: {'it has no hooks' if status.idle else 'its hooks only watch runs, or yield none'}"
