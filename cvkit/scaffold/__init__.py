"""Creates plugins from templates: a package that installs, runs its recipe and passes its tests unchanged."""
