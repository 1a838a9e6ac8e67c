"""Report a run to Weights & Biases: its recipe, its measurements by optimizer step, and its report as an artifact.

W&B's own step is not used, because it must increase, and a resumed run may repeat steps. The measurements are plotted
against `step` instead, and `ExternalRun` keeps which steps W&B has received.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cvkit import EpochRecord, ExternalRun, Observer, ObserverFactory, Predictions, Recipe, RunError

if TYPE_CHECKING:
    from cvkit import Proposal

_FOLDER = "wandb"
_FILES = ("report.html", "recipe.yaml")


class WandbObserver(Observer):
    """Report a run to Weights & Biases.

    A resumed run continues the same W&B run. W&B keeps its files in ``wandb/`` of the run folder; `wandb sync`
    uploads those of an offline run.

    Args:
        folder: The run folder.
        project: The W&B project.
        entity: The W&B user or team; null: your default.
        mode: ``online``, ``offline`` or ``disabled``; null: as the environment variable WANDB_MODE says, or online.
        run_name: Name of the run in W&B; null: the name of the run folder.
        group: Name of a group of runs, such as an experiment with several seeds; null: none.
        tags: Tags of the run.
        steps: Also report the loss, learning rate and momentum of every optimizer step.
        artifact: Upload the report and the recipe as an artifact at the end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        project: str = "cvkit",
        entity: str | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
        run_name: str | None = None,
        group: str | None = None,
        tags: tuple[str, ...] = (),
        steps: bool = True,
        artifact: bool = True,
    ) -> None:
        self.folder, self.steps, self.artifact = folder, steps, artifact
        self.place: dict[str, Any] = {
            "project": project,
            "entity": entity,
            "mode": mode,
            "name": run_name or folder.name,
            "group": group,
            "tags": [*tags],
        }
        self.external: ExternalRun | None = None
        self.run: Any = None  # None until the run has begun, and if it could not begin

    def run_started(self, recipe: Recipe, records: Sequence[EpochRecord]) -> None:
        """Begin or continue the W&B run, and report the epochs that it lacks."""
        import wandb

        if (self.folder / _FOLDER).is_symlink():
            raise RunError(f"'{self.folder / _FOLDER}' is a link, through which W&B would write; remove it")
        external = ExternalRun(self.folder, "wandb")
        identifier = external.id or secrets.token_hex(4)
        self.run = wandb.init(
            **self.place,
            id=identifier,
            resume="allow",
            dir=str(self.folder),
            config={path: _plain(value) for path, value in recipe.values().items()},
            allow_val_change=True,
            settings=wandb.Settings(silent=True, console="off", disable_git=True),
        )
        if not external.id:
            external.begin(identifier)
        self.external = external
        self.run.define_metric("step")
        self.run.define_metric("*", step_metric="step")
        for record in records:
            self.epoch_finished(record)

    def tuner_finished(self, tuner: str, sets: str, proposal: Proposal) -> None:
        """Replace ``auto`` by the value of the tuner."""
        if self.run is not None and proposal.value is not None:
            self.run.config.update({sets: _plain(proposal.value)}, allow_val_change=True)

    def epoch_finished(self, record: EpochRecord) -> None:
        """Report the steps of an epoch and its measurements, unless W&B has them from an earlier session."""
        if self.run is None or self.external is None or record.step <= self.external.step:
            return
        for step, values in record.step_scalars() if self.steps else ():
            if step > self.external.step:
                self.run.log({"step": step, **values})
        self.run.log({"step": record.step, **record.scalars()})
        self.external.reached(record.step)

    def run_finished(self, records: Sequence[EpochRecord], predictions: Predictions) -> None:
        """Report the result, and upload the report and the recipe."""
        if self.run is None:
            return
        self.run.summary[f"final/{predictions.half}_{predictions.score_name}"] = predictions.score
        self.run.summary[f"final/{predictions.half}_loss"] = predictions.loss
        if self.artifact:
            import wandb

            artifact = wandb.Artifact(f"report-{self.run.id}", type="report")
            for name in _FILES:
                artifact.add_file(str(self.folder / name), name=name)
            self.run.log_artifact(artifact)

    def run_ended(self, status: str, error: str) -> None:
        """Report to W&B how the session ended: an interrupted run is preempted, and can be resumed."""
        if self.run is None:
            return
        self.run.summary["status"] = status
        self.run.summary["error"] = error
        if status == "interrupted":
            self.run.mark_preempting()
        self.run.finish(exit_code=0 if status == "finished" else 1)
        self.run = None


def _plain(value: object) -> object:
    """Return a value as W&B keeps it: text for what JSON cannot contain, such as a path."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


_: ObserverFactory = WandbObserver
