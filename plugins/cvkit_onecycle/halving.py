"""Successive halving: short trainings with several values of an option, and longer ones with the better half."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, NonNegativeFloat, PositiveFloat

from cvkit import Proposal, RunParts

from .race import Race
from .race_outcome import Outcome
from .race_picture import draw
from .race_request import Request

TITLE = "Successive halving"


def successive_halving(
    run: RunParts,
    target: str,
    *,
    low: PositiveFloat | None = None,
    high: PositiveFloat | None = None,
    values: tuple[NonNegativeFloat, ...] | None = None,
    candidates: Annotated[int, Field(ge=2, le=64)] = 4,
    budget: Annotated[float, Field(gt=0, le=10)] = 0.15,
    orders: Annotated[int, Field(ge=1, le=100)] = 2,
    images: Annotated[int, Field(ge=50, le=1_000_000)] = 1000,
) -> Proposal:
    """Train several values of an option briefly, and propose the value with the lowest loss.

    Each training begins with the first weights of the run and follows the complete recipe in fewer steps: its
    schedule, frozen weights and curricula. All trainings of a rung have the same images in the same order and the
    same random draws. The loss decides: on validation images, or if there are none, on training images that no trial
    trains on. The better half is trained again for twice as many steps, until the candidates of a rung cannot be
    distinguished. Of several that cannot be distinguished from the best, the middle one is proposed. A training with
    a loss that is not finite loses. The run itself does not change.

    Source: Jamieson & Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
    arXiv:1502.07943.

    Args:
        run: The parts of the run; every trial trains a copy of the model.
        target: The path of the option, such as ``scheduler.max_lr``.
        low: Low end of the range of candidates, above 0; null for that of the usual range that the optimizer
            declares, if the option is a learning rate.
        high: High end of the range, above `low`; null like `low`. The candidates are the middles of equal shares of
            the range on a log scale.
        values: The candidates, at least two, instead of a range; each at least 0.
        candidates: Number of candidates in a range, 2 to 64. The tuner trains fewer if the budget is short.
        budget: Optimizer steps of all trials as a fraction of the run's steps, in (0, 10]. Evaluations are extra.
        orders: Orders of the data in which each candidate is trained, 1 to 100; one if the budget is short.
        images: Most images to judge by, 50 to 1,000,000; at most a fifth of the training images.

    Returns:
        A proposal with the value and the figure of the losses. If the budget is too short, the value is the middle of
        the usual range, or None if there is none. It is also None if every training diverged.

    Raises:
        ValueError: There are no candidates, because neither `values` nor a range is given and the option has no usual
            range; or `high` is not above `low`, or so near that the candidates would not differ.
    """
    request = Request.of(
        run,
        target,
        low=low,
        high=high,
        values=values,
        candidates=candidates,
        budget=budget,
        orders=orders,
        images=images,
    )
    plan = request.plan
    if plan is None:
        refused = request.data() | {"proposal": request.middle, "steps": 0}
        return Proposal(request.middle, request.refusal(), TITLE, data=refused)
    race = Race(run, target, request.judging, request.open_ended)
    outcome = Outcome(request, plan, list(race.rungs(plan, request.candidates(plan))))
    return Proposal(
        value=outcome.value,
        reason=outcome.reason,
        title=TITLE,
        caption=outcome.caption,
        data=outcome.data(),
        draw=lambda figure: draw(figure, outcome.rungs, target, outcome.value, outcome.level),
        description=outcome.description,
    )


def forecast(run: RunParts, target: str, **options: Any) -> str:
    """Return what successive halving will train, and what that costs."""
    request = Request.of(run, target, **options)
    return request.refusal() if request.plan is None else request.announcement(request.plan)
