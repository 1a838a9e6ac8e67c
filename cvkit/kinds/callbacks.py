"""Callbacks: they decide while a run trains, before steps and after epochs, by the values that they return."""

from __future__ import annotations

from .kind import Kind, Template

CALLBACKS = Kind(
    "callbacks",
    "callback",
    ("goals",),
    "an object that answers before_step(progress) and after_epoch(record) with a Decision or None, and has a state",
    by_name=("plan",),
    key="callbacks",
    many=True,
    methods=("before_step", "after_epoch", "state_dict", "load_state_dict"),
    factory="cvkit.engine.factories:CallbackFactory",
    products=("cvkit.engine.callback:Callback",),
    suite="cvkit.testing.callbacks:CallbackSuite",
    template=Template("StopAtGoal", "Stop as soon as a value is good enough"),
)
