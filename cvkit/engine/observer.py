"""`Observer`: what an observer of a recipe may do while a run is in progress.

A class rather than a Protocol, so an observer overrides only what it needs, and a later version can add a method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..recipe import Recipe
    from .predictions import Predictions
    from .proposal import Proposal
    from .records import EpochRecord

RunEnd = Literal["finished", "interrupted", "failed"]
"""How a session of a run ends. An interrupted run can be resumed."""


class Observer:
    """Watches one run. Every method does nothing; a subclass overrides those that it needs.

    A method returns nothing and cannot change the run. If it raises an error, the run continues and prints a warning.
    A method receives the arguments that it names.
    """

    def run_started(self, recipe: Recipe, records: Sequence[EpochRecord]) -> None:
        """Observe that the run begins or is resumed.

        Args:
            recipe: The checked recipe. In a new run, values that a tuner sets are still ``auto``.
            records: The record of every earlier epoch; empty in a new run.
        """

    def tuner_finished(self, tuner: str, sets: str, proposal: Proposal) -> None:
        """Observe the end of a tuner; this is not repeated if the run is resumed.

        Args:
            tuner: The full id of the tuner.
            sets: The path of the option that it sets.
            proposal: The proposed value and the measurements.
        """

    def epoch_finished(self, record: EpochRecord) -> None:
        """Observe the end of an epoch. A resumed run repeats the epochs after its checkpoint.

        Args:
            record: The measurements of the epoch, including the series of all steps.
        """

    def run_finished(self, records: Sequence[EpochRecord], predictions: Predictions) -> None:
        """Observe that the run has finished and its report is written.

        Args:
            records: The record of every epoch.
            predictions: The predictions of the final model for the images that measure the result.
        """

    def run_ended(self, status: RunEnd, error: str) -> None:
        """Observe the end of this session, however it ends, except if the process is killed.

        Args:
            status: How the session ended: ``finished``, ``interrupted`` or ``failed``.
            error: The message that the user sees; empty if there is none.
        """
