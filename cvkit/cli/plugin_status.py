"""Describes the state of a plugin in words."""

from __future__ import annotations

from ..host.catalog import PluginStatus


def plugin_state(status: PluginStatus) -> str:
    """Return one line that says whether a plugin works, with remarks for the user."""
    if not status.works:
        return status.reason
    faults = ["is slow"] if status.slow else []
    faults += [f"loads {', '.join(status.heavy)}"] if status.heavy else []
    remarks = ["has no hooks"] if status.idle and not status.unsupported_hooks else []
    remarks += [hooks_not_called(status)] if status.unsupported_hooks else []
    remarks += [f"its declaration {' and '.join(faults)}"] if faults else []
    copy = f" from its source folder '{status.origin.sources}'" if status.origin.sources else ""
    return f"works{copy}, but {', and '.join(remarks)}" if remarks else f"works{copy}"


def hooks_not_called(status: PluginStatus) -> str:
    """Return a sentence about the plugin's optional hooks that this cvkit does not call."""
    names = ", ".join(status.unsupported_hooks)
    return (
        f"this cvkit has no {names}, so {'it is' if len(status.unsupported_hooks) == 1 else 'these are'} not called"
    )


def no_components(status: PluginStatus) -> str:
    """Return why a working plugin provides no components."""
    reason = "it has no hooks" if status.idle else "its hooks only observe runs, or yield no components"
    return f"no components: {reason}"
