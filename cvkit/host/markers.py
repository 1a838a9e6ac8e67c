"""The markers of hooks; apart from the hooks, so that the declaration of a plugin loads pluggy and nothing more."""

from __future__ import annotations

import pluggy

hookspec = pluggy.HookspecMarker("cvkit")
hookimpl = pluggy.HookimplMarker("cvkit")
