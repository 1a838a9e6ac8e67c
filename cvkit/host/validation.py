"""Validates the hooks of a plugin and the components that it declares."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import pluggy

from ..errors import PluginError, did_you_mean
from ..formatting import plural
from ..kinds import KINDS
from ..printable import shows
from ..signatures.signature import split_target
from ..tasks import TASKS
from . import hookspecs
from .component import MAIN_TERM, Command, Component
from .rate_range import is_range

_PLUGIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_COMMAND_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
COMMANDS_HOOK = "cvkit_commands"
_OF_ONE_KIND = {
    **dict.fromkeys(("per_sample", "mixes"), "augmentations"),
    **dict.fromkeys(("soft_targets", "takes_images"), "losses"),
    **dict.fromkeys(("soft_labels", "task_options"), "datasets"),
    "loss_terms": "models",
    "signed": "explainers",
    "usual_lr": "optimizers",
    "forecast": "tuners",
}
"""The kind of component that may set each field of `Component`."""


class HookManager(pluggy.PluginManager):
    """pluggy's manager with cvkit's hooks. It does not access module attributes that are loaded on first use."""

    def __init__(self) -> None:
        super().__init__("cvkit")
        self.add_hookspecs(hookspecs)

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """Return the options of a hook implementation, or None; names loaded on first use (PEP 562) are not hooks."""
        if isinstance(plugin, ModuleType) and name not in vars(plugin):
            return None
        return super().parse_hookimpl_opts(plugin, name)


@cache
def hooks() -> dict[str, tuple[str, ...]]:
    """Return the arguments of every hook, by the name of the hook."""
    specifications = {name: value for name, value in vars(hookspecs).items() if name.startswith("cvkit_")}
    return {name: tuple(inspect.signature(value).parameters) for name, value in specifications.items()}


def observing_hooks() -> set[str]:
    """Return the names of the hooks that observe runs: those that receive something."""
    return {name for name, arguments in hooks().items() if arguments}


def validate_plugin(name: str, plugin: object) -> None:
    """Raise `PluginError` unless recipes can use the plugin's name and cvkit can call each of its hooks.

    cvkit calls the hooks of each plugin separately, so pluggy's wrappers are not allowed. An unknown hook is an
    error, because it may be misspelt, unless it is marked ``optionalhook``.
    """
    if not _PLUGIN_NAME.fullmatch(name):
        raise PluginError(f"plugin name '{name}' may only contain letters, digits, '.', '_' and '-'")
    if inspect.isclass(plugin):
        raise PluginError(
            f"the plugin is the class '{plugin.__name__}', but the entry point must name an instance of it"
        )
    for hook, arguments in hooks().items():
        implementation = attribute(plugin, hook)
        if implementation is not None:
            _require_callable(hook, arguments, implementation)
    for key, marks in _unknown_hooks(plugin).items():
        if not marks.get("optionalhook"):
            raise PluginError(f"there is no hook '{key}'. {did_you_mean(key, hooks())}".strip())


def unsupported_hooks(plugin: object) -> tuple[str, ...]:
    """Return the optional hooks of a plugin that this version of cvkit does not have."""
    return tuple(key for key, marks in _unknown_hooks(plugin).items() if marks.get("optionalhook"))


def _unknown_hooks(plugin: object) -> dict[str, Mapping[str, Any]]:
    """Return the options of every hook that this version of cvkit does not have, by name."""
    own = vars(plugin) if isinstance(plugin, ModuleType) else dir(plugin)
    marked = {key: getattr(attribute(plugin, key), "cvkit_impl", None) for key in own if key not in hooks()}
    return {key: marks for key, marks in sorted(marked.items()) if isinstance(marks, Mapping)}


def attribute(plugin: object, name: str, default: Any = None) -> Any:
    """Return a plugin's attribute; for a module, without the attributes that are loaded on first use (PEP 562)."""
    if isinstance(plugin, ModuleType):
        return vars(plugin).get(name, default)
    return getattr(plugin, name, default)


def _require_callable(hook: str, arguments: tuple[str, ...], implementation: Any) -> None:
    marks = getattr(implementation, "cvkit_impl", None)
    if marks is None:
        raise PluginError(f"'{hook}' is not marked as a hook: add the decorator @hookimpl")
    if not inspect.isroutine(implementation) or inspect.iscoroutinefunction(implementation):
        raise PluginError(f"{hook} must be a plain function or method")
    if marks.get("wrapper") or marks.get("hookwrapper"):
        raise PluginError(f"{hook} is a wrapper, which cvkit does not support: use @hookimpl without arguments")
    for parameter in inspect.signature(implementation).parameters.values():
        name, defaulted = parameter.name, parameter.default is not parameter.empty
        if name in arguments and (defaulted or parameter.kind is not parameter.POSITIONAL_OR_KEYWORD):
            raise PluginError(f"{hook} must accept '{name}' as a plain argument without a default")
        if name not in arguments and not defaulted:
            passed = ", ".join(arguments) or "nothing"
            raise PluginError(f"{hook} has an unknown argument '{name}'; the hook passes: {passed}")


def has_hooks(plugin: object) -> bool:
    """Whether the plugin implements any hook."""
    return any(attribute(plugin, hook) is not None for hook in hooks())


def declared_components(manager: HookManager, plugin: object) -> Iterator[tuple[str, Component]]:
    """Yield the kind and the declaration of each component of a plugin; raise `PluginError` for invalid ones."""
    for kind in KINDS.values():
        for component in _declared(manager, plugin, kind.hook):
            _validate_component(component, kind.hook)
            yield kind.name, component


def declared_commands(manager: HookManager, plugin: object) -> list[Command]:
    """Return the declaration of each command of a plugin; raise `PluginError` for invalid ones."""
    commands = _declared(manager, plugin, COMMANDS_HOOK)
    for command in commands:
        _validate_command(command)
    names = [command.name for command in commands]
    for name in names:
        if names.count(name) > 1:
            raise PluginError(f"command '{name}' is declared twice")
    return commands


def _declared(manager: HookManager, plugin: object, hook: str) -> list[Any]:
    """Return what a plugin's implementation of a hook yields."""
    found: list[Any] = []
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        if implementation.plugin is plugin:
            try:
                found += implementation.function() or ()
            except (Exception, SystemExit) as error:
                raise PluginError(f"{hook} raised {type(error).__name__}: {error}") from error
    return found


def _validate_command(command: object) -> None:
    if not isinstance(command, Command):
        raise PluginError(f"{COMMANDS_HOOK} yielded {command!r}, which is not a Command")
    for field in ("name", "target", "help"):
        value = getattr(command, field)
        if not (isinstance(value, str) and value.strip() and shows(value)):
            raise PluginError(f"{COMMANDS_HOOK}: {field} of command {command.name!r} must be one line of text")
    if not _COMMAND_NAME.fullmatch(command.name):
        raise PluginError(
            f"{COMMANDS_HOOK}: command name '{command.name}' may only contain lower-case letters, digits and '-'"
        )
    split_target(command.target)


def _validate_component(component: object, hook: str) -> None:
    if not isinstance(component, Component):
        raise PluginError(f"{hook} yielded {component!r}, which is not a Component")
    _require_text(component, hook)
    name = component.name
    if not component.is_family and not (name.isidentifier() and name == name.lower()):
        raise PluginError(
            f"{hook}: component name '{name}' may only contain lower-case letters, digits and underscores"
        )
    if component.is_family and component.members is None:
        raise PluginError(f"{hook}: the family '*' must set `members`")
    for field, kind in _OF_ONE_KIND.items():
        if getattr(component, field) and hook != KINDS[kind].hook:
            raise PluginError(f"{hook}: '{name}' sets {field}, which is only for {plural(KINDS[kind].singular)}")
    if component.mixes and component.per_sample:
        raise PluginError(f"{hook}: '{name}' sets mixes, which is only for augmentations of batches")
    if not isinstance(component.usual_lr, str | None) and not is_range(component.usual_lr):
        raise PluginError(f"{hook}: usual_lr of '{name}' must be two rates, as in (0.03, 1.0)")
    _require_loss_terms(component, hook)
    _require_tasks(component, hook)
    split_target(component.target)
    if component.members is not None:
        split_target(component.members)


def _require_loss_terms(component: Component, hook: str) -> None:
    """Raise `PluginError` unless `loss_terms` is empty, or a model's mapping of names to weights of at least 0."""
    terms, name = component.loss_terms, component.name
    if not isinstance(terms, Mapping):
        raise PluginError(f"{hook}: loss_terms of '{name}' must be a mapping, such as {{'aux': 0.3}}")
    for term, weight in terms.items():
        if not isinstance(term, str) or not term.isidentifier() or term == MAIN_TERM:
            raise PluginError(
                f"{hook}: loss_terms of '{name}' names {term!r}; use letters, digits and underscores, and not "
                f"'{MAIN_TERM}', which is the loss of the logits"
            )
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise PluginError(
                f"{hook}: loss_terms of '{name}' gives '{term}' the weight {weight!r}, not a number of at least 0"
            )


def _require_tasks(component: Component, hook: str) -> None:
    """Raise `PluginError` unless `tasks` are names of tasks, and `task_options` choose among those of a data set."""
    name, tasks, options = component.name, component.tasks, component.task_options
    if not isinstance(tasks, tuple) or not {*tasks} <= {*TASKS}:
        raise PluginError(
            f"{hook}: tasks of component '{name}' is {tasks!r}; it must be a tuple of {', '.join(TASKS)}"
        )
    if not isinstance(options, Mapping) or not {*options.values()} <= {*tasks}:
        raise PluginError(f"{hook}: task_options of '{name}' must name an option and one of its tasks each")


def _require_text(component: Component, hook: str) -> None:
    """Raise `PluginError` unless texts are one line of printable text and `requires` is a tuple of texts."""
    for field in ("name", "target", "summary", "deprecated"):
        value = getattr(component, field)
        if not isinstance(value, str):
            raise PluginError(f"{hook}: {field} of a component is {value!r}, not text")
        if not shows(value):
            raise PluginError(f"{hook}: {field} of component '{component.name}' must be one line of printable text")
    if isinstance(component.requires, str) or not all(isinstance(text, str) for text in component.requires):
        raise PluginError(f"{hook}: requires of component '{component.name}' must be a tuple, such as ('timm>=1.0',)")
