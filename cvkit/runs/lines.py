"""The lines that describe the events of a run, for the command line and for the log of the Python API."""

from __future__ import annotations

from collections.abc import Iterator

from ..data.splits import Half
from ..engine.parts import RunParts
from ..engine.records import EpochRecord
from ..errors import CvkitError, DivergedError
from ..formatting import SCORE_DECIMALS, in_words, rounded
from ..printable import shell_words
from ..recipe import AUTO
from ..tasks import SINGLE_LABEL, TASKS
from .estimate import Estimate
from .execute import Event, Measured, Noted, Reported, ReportStarted, TrainingStarted, Tuned, Warned, is_resumable
from .folder import RunFolder
from .session import Session

_MOST_GROUPS = 6  # parameter groups in a line
_WIDTH = 118  # longest line of an epoch: metrics beyond it are left out


def folder_line(folder: RunFolder) -> str:
    """Return the first line of a run: where its results are."""
    return f"run folder: {folder.path}"


class EventLines:
    """Describes the events of one run, in order."""

    def __init__(self) -> None:
        self._estimate: Estimate | None = None

    def of(self, event: Event) -> Iterator[str]:
        """Yield the lines of an event; most steps have none. A warning's line is its message."""
        match event:
            case Warned(message):
                yield message
            case Noted(line):
                yield line
            case Tuned():
                yield from tuned_lines(event)
            case TrainingStarted(trainer):
                self._estimate = Estimate(trainer)
                if trainer.ended_early:
                    parts = trainer.parts  # the last epoch may not be evaluated yet, so its steps are counted
                    done = trainer.step // parts.batching.steps
                    yield f"reporting on the run as it is, after epoch {done:,} of {parts.plan.epochs:,}"
                elif trainer.step:
                    yield f"continuing after step {trainer.step:,} of {trainer.parts.planned_steps:,}"
                yield from rate_lines(trainer.parts)
                yield header(trainer.parts.evaluated[0], TASKS[trainer.parts.info.task].column)
            case EpochRecord():
                yield epoch_line(event)
                yield from event.decisions
            case Measured(half, score_name, score, epoch):
                weights = f" with the weights of epoch {epoch}" if epoch else ""
                yield f"{half} {in_words(score_name)}{weights}: {score}"
            case ReportStarted():
                yield "writing the report"
            case Reported(path):
                yield f"report: {path}"
        if self._estimate is not None:
            yield from self._estimate.lines(event)


def tuned_lines(event: Tuned) -> Iterator[str]:
    """Yield the value that a tuner proposed, and the recipe's own value if that is used instead."""
    tuner, proposal = event.tuner, event.proposal
    found = "no value" if proposal.value is None else proposal.value
    yield f"{tuner.entry.component.name} for {tuner.target}: {found} ({proposal.reason})"
    if event.value not in (proposal.value, AUTO):
        yield f"keeping the {tuner.target} of the recipe: {event.value}"


def rate_lines(parts: RunParts) -> Iterator[str]:
    """Yield the rates of the optimizer's parameter groups as fractions of the head's, if there are several."""
    groups = parts.finetuning.groups(parts.model, parts.loss)
    shown = [f"{name} {factor:.3g}" for name, factor in {group.rates_name: group.factor for group in groups}.items()]
    if len(shown) > _MOST_GROUPS:
        shown = [*shown[: _MOST_GROUPS - 1], "...", shown[-1]]
    if shown:
        yield f"learning rates of the groups, relative to the head's (lr): {', '.join(shown)}"


def header(half: Half, score: str = SINGLE_LABEL.column) -> str:
    """Return the heads of the columns of `epoch_line`; it has the loss and the score on the images of `half`.

    Only images with one class have an accuracy in training.
    """
    trained = "     acc" if score == SINGLE_LABEL.column else ""
    return f"epoch   train loss{trained}   {half} loss   {score:>5}          lr    images/s   seconds"


def epoch_line(record: EpochRecord) -> str:
    """Return the line of an epoch, aligned with `header`; scores are in percent, with "-" for none.

    The recipe's metrics, the terms of the training loss and then the other groups' rates follow while the line has at
    most 118 columns.
    """
    width = len(f"{record.half} loss")
    trained = "-" if record.train_accuracy is None else _points(record.train_accuracy)
    line = (
        f"{record.epoch:>5}   {record.train_loss:>10.4f}   "
        f"{f'{trained:>5}   ' if record.score_name == SINGLE_LABEL.score else ''}"
        f"{record.loss:>{width}.4f}   {_points(record.score):>5}   {record.learning_rate:>9.3g}   "
        f"{record.images_per_second:>9,.0f}   {record.seconds:>7.1f}"
    )
    for name, score in (
        (f"with {record.tta}", record.score_of("tta")),
        ("without averaging", record.score_of("unaveraged")),
        ("test", record.score_of("test") if record.half == "validation" else None),
    ):
        line += "" if score is None else f"   {name} {_points(score)}"
    for name, value in record.metrics.items():
        more = f"   {name} {value:.4f}"
        line += more if len(line + more) <= _WIDTH else ""
    for name, value in record.train_terms.items():
        more = f"   {name} loss {value:.4f}"
        line += more if len(line + more) <= _WIDTH else ""
    for name, rate in record.group_lrs.items():
        more = f"   {name} lr {rate:.3g}"
        line += more if name != "head" and len(line + more) <= _WIDTH else ""
    return line


def way_on(session: Session) -> str:
    """Return how to continue a run that ended early."""
    if session.folder.recipe_path.exists() or session.folder.has_checkpoints():
        return f"continue with: {shell_words('cvkit', 'resume', session.folder.path)}"
    return "start the run again; it had not trained yet"  # it ended before its recipe was written


def stopped_line(session: Session) -> str:
    """Return what an interrupted run saved, how to continue it, and how to evaluate it as it is."""
    if not session.stopped_and_saved:
        return way_on(session)
    finish = ""
    if session.records:
        finish = f"; or evaluate it as it is: {shell_words('cvkit', 'finish', session.folder.path)}"
    return f"stopped and saved after step {session.step:,}; {way_on(session)}{finish}"


def add_way_on(error: Exception, session: Session) -> None:
    """Add a note to the error that ended a run: how to continue it, if that can help."""
    defect = not isinstance(error, CvkitError)  # a bug in a plugin or in cvkit
    helpless = isinstance(error, DivergedError) or not session.folder.is_there()
    if is_resumable(error):
        error.add_note(way_on(session))
    elif defect or (session.started and not helpless):
        error.add_note(f"after fixing this, {way_on(session)}")


def _points(score: float) -> str:
    """Return a score in percent without the sign, for a column whose head has it."""
    return rounded(100 * score, SCORE_DECIMALS)
