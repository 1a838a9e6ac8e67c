"""The components of a new plugin and the names of their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .kinds import KindTemplate
from .names import PluginName


@dataclass(frozen=True)
class ScaffoldPart:
    """A component of a plugin.

    Attributes:
        sample: The template of its kind.
        component: Its name in recipes.
        module: The name of its module in the package.
        recipe: The file name of its recipe.
        tests: The name of its test module.
        camel: The name of its test class without the prefix ``Test``.
    """

    sample: KindTemplate
    component: str
    module: str
    recipe: str
    tests: str
    camel: str

    @property
    def suite(self) -> str:
        """The name of the test suite for its kind."""
        return self.sample.kind.suite.partition(":")[2]


def first_part(name: PluginName, sample: KindTemplate) -> ScaffoldPart:
    """Return the first component of a new package, which has the name of the plugin."""
    plugin = name.plugin
    return ScaffoldPart(sample, plugin, sample.noun, "recipe.yaml", f"test_{plugin}", _camel(plugin))


def further_part(name: PluginName, sample: KindTemplate, component: str = "") -> ScaffoldPart:
    """Return a component added to a plugin, named `component` or else like the plugin."""
    noun, plugin = sample.noun, name.plugin
    stem = component or noun
    tests = f"test_{stem}" if stem != plugin else f"test_{stem}_{noun}"  # the first part's tests have the other name
    camel = _camel(component) if component else _camel(plugin) + noun.capitalize()
    return ScaffoldPart(sample, component or plugin, stem, f"recipe_{stem}.yaml", tests, camel)


def parts_of(name: PluginName, samples: Sequence[KindTemplate]) -> list[ScaffoldPart]:
    """Return the components of a new package, one for each sample."""
    first, *others = samples
    return [first_part(name, first), *(further_part(name, sample) for sample in others)]


def _camel(name: str) -> str:
    return name.title().replace("_", "")
