"""Schedulers: the learning rate of every optimizer step."""

from __future__ import annotations

from .kind import Kind, Template

SCHEDULERS = Kind(
    "schedulers",
    "scheduler",
    ("optimizer", "plan"),
    "an LRScheduler stepped once an optimizer step",
    key="scheduler",
    default="torch/constant",
    tunable=True,
    methods=("step", "state_dict", "load_state_dict"),  # what a run calls; torch's classes share more
    factory="cvkit.engine.factories:SchedulerFactory",
    suite="cvkit.testing.schedulers:SchedulerSuite",
    template=Template("warmup_cosine", "Linear warm-up, then a cosine to zero"),
)
