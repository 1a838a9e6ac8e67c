"""The run folder, and how a run is started, resumed, extended, repaired and loaded."""
