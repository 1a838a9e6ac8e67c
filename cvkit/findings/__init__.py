"""Findings: rules that judge a run, each a function of the evidence with a named threshold."""
