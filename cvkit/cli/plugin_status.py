"""How a plugin is doing, in words."""

from __future__ import annotations

from ..host.catalog import PluginStatus


def plugin_state(status: PluginStatus) -> str:
    """Return whether a plugin works, with what a user should know of it, in one line."""
    if not status.works:
        return status.reason
    faults = ["is slow"] if status.slow else []
    faults += [f"loads {', '.join(status.heavy)}"] if status.heavy else []
    remarks = ["has no hooks"] if status.idle and not status.later else []
    remarks += [later(status)] if status.later else []
    remarks += [f"its declaration {' and '.join(faults)}"] if faults else []
    copy = f" from its sources in '{status.origin.sources}'" if status.origin.sources else ""
    return f"works{copy}, but {', and '.join(remarks)}" if remarks else f"works{copy}"


def later(status: PluginStatus) -> str:
    """Return which of a plugin's optional hooks are not called."""
    names = ", ".join(status.later)
    return f"this cvkit has no {names}, so {'it is' if len(status.later) == 1 else 'these are'} not called"


def no_components(status: PluginStatus) -> str:
    """Return what a plugin that works and has no components offers, with the reason."""
    return f"no components: {'it has no hooks' if status.idle else 'its hooks only watch runs, or yield none'}"
