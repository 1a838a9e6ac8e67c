"""The plugin host: what is installed, whether it is valid, and a registry of every component."""
