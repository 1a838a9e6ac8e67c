"""A new plugin from templates: a package that installs, runs from its recipe and passes its tests as it is."""
