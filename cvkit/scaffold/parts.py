"""The parts of a plugin: components of one kind or several, and what their files are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .kinds import KindTemplate
from .names import PluginName


@dataclass(frozen=True)
class ScaffoldPart:
    """A component of a plugin.

    Args:
        sample: its kind's.
        component: its name in recipes.
        module: its module's name, in the package.
        recipe: the file of its recipe.
        tests: the name of the module of its tests.
        camel: what its test class is called after ``Test``.
    """

    sample: KindTemplate
    component: str
    module: str
    recipe: str
    tests: str
    camel: str

    @property
    def suite(self) -> str:
        """The suite of checks for its kind."""
        return self.sample.kind.suite.partition(":")[2]


def first_part(name: PluginName, sample: KindTemplate) -> ScaffoldPart:
    """Return the part that a new package begins with, and that is called as the plugin is."""
    plugin = name.plugin
    return ScaffoldPart(sample, plugin, sample.noun, "recipe.yaml", f"test_{plugin}", _camel(plugin))


def further_part(name: PluginName, sample: KindTemplate, component: str = "") -> ScaffoldPart:
    """Return a part that is added, with files of its own; its component is called `component`, or as the plugin."""
    noun, plugin = sample.noun, name.plugin
    stem = component or noun
    tests = f"test_{stem}" if stem != plugin else f"test_{stem}_{noun}"  # the first part's tests have the other name
    camel = _camel(component) if component else _camel(plugin) + noun.capitalize()
    return ScaffoldPart(sample, component or plugin, stem, f"recipe_{stem}.yaml", tests, camel)


def parts_of(name: PluginName, samples: Sequence[KindTemplate]) -> list[ScaffoldPart]:
    """Return the parts of a new package, one for each sample."""
    first, *others = samples
    return [first_part(name, first), *(further_part(name, sample) for sample in others)]


def _camel(name: str) -> str:
    return name.title().replace("_", "")
