"""Report a run to MLflow: its recipe as parameters, its measurements by optimizer step, its report as an artifact."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cvkit import EpochRecord, ExternalRun, Observer, ObserverFactory, Predictions, Recipe

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from cvkit import Proposal

_FILES = ("report.html", "recipe.yaml")
_METRICS_AT_ONCE, _PARAMS_AT_ONCE, _LONGEST_PARAM = 1_000, 100, 500  # limits of MLflow's REST API and of its stores
_REFUSED = re.compile(r"[^\w\-. /]", re.ASCII)  # in names of metrics and parameters
_STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}


class MlflowObserver(Observer):
    """Report a run to MLflow.

    A resumed run continues the same MLflow run. MLflow never replaces a parameter, so a value of the recipe that was
    changed since the run began becomes a tag of the same name.

    Args:
        folder: The run folder.
        tracking_uri: Address of a server or a local store, such as ``sqlite:////home/me/mlflow.db``; null: MLflow's
            own default, which the environment variable MLFLOW_TRACKING_URI sets.
        experiment: The MLflow experiment; it is created if it does not exist.
        run_name: Name of the run in MLflow; null: the name of the run folder.
        tags: Tags of the run, a mapping of text.
        steps: Also report the loss, learning rate and momentum of every optimizer step.
        artifact: Store the report and the recipe as artifacts at the end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tracking_uri: str | None = None,
        experiment: str = "cvkit",
        run_name: str | None = None,
        tags: dict[str, str] = {},  # noqa: B006  # it is not changed, and a recipe shows the default
        steps: bool = True,
        artifact: bool = True,
    ) -> None:
        self.folder, self.steps, self.artifact = folder, steps, artifact
        self.tracking_uri, self.experiment = tracking_uri, experiment
        self.run_name, self.tags = run_name or folder.name, dict(tags)
        self.external: ExternalRun | None = None
        self.client: MlflowClient | None = None  # None until the run has begun, and if it could not begin

    def run_started(self, recipe: Recipe, records: Sequence[EpochRecord]) -> None:
        """Begin or continue the MLflow run, and report the epochs that it lacks."""
        from mlflow import MlflowClient

        client, external = MlflowClient(tracking_uri=self.tracking_uri), ExternalRun(self.folder, "mlflow")
        if external.id:
            client.update_run(external.id, status="RUNNING")
        else:
            found = client.get_experiment_by_name(self.experiment)
            experiment = client.create_experiment(self.experiment) if found is None else found.experiment_id
            run = client.create_run(experiment, run_name=self.run_name, tags=self.tags)
            external.begin(run.info.run_id)
        self.client, self.external = client, external
        self._params({path: value for path, value in recipe.values().items() if value != "auto"})
        for record in records:
            self.epoch_finished(record)

    def tuner_finished(self, tuner: str, sets: str, proposal: Proposal) -> None:
        """Report the value of a tuner as a parameter."""
        if proposal.value is not None:
            self._params({sets: proposal.value})

    def epoch_finished(self, record: EpochRecord) -> None:
        """Report the steps of an epoch and its measurements, unless MLflow has them from an earlier session."""
        if self.external is None or record.step <= self.external.step:
            return
        of_steps = record.step_scalars() if self.steps else ()
        new = [(step, values) for step, values in of_steps if step > self.external.step]
        self._metrics([*new, (record.step, record.scalars())])
        self.external.reached(record.step)

    def run_finished(self, records: Sequence[EpochRecord], predictions: Predictions) -> None:
        """Report the result, and store the report and the recipe."""
        if self.client is None or self.external is None:
            return
        result = {predictions.score_name: predictions.score, "loss": predictions.loss}
        measured = {f"final/{predictions.half}_{name}": value for name, value in result.items()}
        self._metrics([(records[-1].step, measured)])
        for name in _FILES if self.artifact else ():
            self.client.log_artifact(self.external.id, str(self.folder / name))

    def run_ended(self, status: str, error: str) -> None:
        """Set the status of the MLflow run: ``KILLED`` if it was interrupted, and can be resumed."""
        if self.client is None or self.external is None:
            return
        if error:
            self.client.set_tag(self.external.id, "error", error[:_LONGEST_PARAM])
        self.client.set_terminated(self.external.id, status=_STATUS[status])

    def _params(self, values: Mapping[str, object]) -> None:
        """Report parameters; one that has another value already becomes a tag."""
        if self.client is None or self.external is None:
            return
        from mlflow.entities import Param

        known = self.client.get_run(self.external.id).data.params
        texts = {_name(path): str(value)[:_LONGEST_PARAM] for path, value in values.items()}
        new = [Param(path, text) for path, text in texts.items() if path not in known]
        for first in range(0, len(new), _PARAMS_AT_ONCE):
            self.client.log_batch(self.external.id, params=new[first : first + _PARAMS_AT_ONCE])
        for path, text in texts.items():
            if known.get(path, text) != text:
                self.client.set_tag(self.external.id, path, text)

    def _metrics(self, measured: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        if self.client is None or self.external is None:
            return
        from mlflow.entities import Metric

        now = int(time.time() * 1_000)
        metrics = [
            Metric(_name(name), float(value), now, step)
            for step, values in measured
            for name, value in values.items()
        ]
        for first in range(0, len(metrics), _METRICS_AT_ONCE):
            self.client.log_batch(self.external.id, metrics=metrics[first : first + _METRICS_AT_ONCE])


def _name(text: str) -> str:
    """Return a name with the characters replaced that MLflow refuses."""
    return _REFUSED.sub("_", text)


_: ObserverFactory = MlflowObserver
