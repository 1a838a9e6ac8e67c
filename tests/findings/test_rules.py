"""Each rule finds what it is for, and says nothing of a run that does not have it."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest
import torch
from judged import course, even, evidence, predicted, sets

from cvkit.audit.audit import Audit
from cvkit.audit.duplicates import Pair, Place
from cvkit.audit.reading import SIDE, SplitFacts
from cvkit.data.account import LeftOut
from cvkit.explain.scores import BASELINES, Scored
from cvkit.explain.scores.measures import POINTING, RANDOMISATION
from cvkit.findings import by_class, confidence, data, outcome, training
from cvkit.findings.judge import RULES, judge

GOOD = evidence()


def test_good_run_has_nothing_wrong():
    """And it is said what is good about it."""
    found = judge(GOOD)
    assert {finding.mark for finding in found} == {"good"}
    assert {"generalises", "calibrated", "even_classes", "converged"} <= {finding.rule for finding in found}


def test_every_rule_is_applied():
    """A rule that is written and not listed would never be asked."""
    modules = (by_class, confidence, data, outcome, training)
    written = {
        function
        for module in modules
        for name, function in vars(module).items()
        if callable(function) and not name.startswith("_") and getattr(function, "__module__", "") == module.__name__
    }
    assert written == set(RULES)


def test_overfitting_is_a_gap_between_training_and_test():
    """A large one is wrong, a smaller one deserves a look, and an ordinary one is not mentioned."""
    records = course([0.6] * 6, trained=1.0)
    large = training.overfitting(evidence(predicted(even(10, 100, 60)), records=records))
    assert large is not None
    assert (large.rule, large.mark, large.where) == ("overfitting", "bad", "curves")
    assert "100.00 %" in large.text
    assert "60.00 %" in large.text
    small = training.overfitting(evidence(predicted(even(10, 100, 82)), records=course([0.82] * 6, trained=0.98)))
    assert small is not None
    assert small.mark == "look"
    assert (
        training.overfitting(evidence(predicted(even(10, 100, 94)), records=course([0.94] * 6, trained=0.99))) is None
    )


def test_overfitting_needs_enough_images():
    """Nine of twenty test images instead of all may be bad luck if few images were trained on, too."""
    few = predicted([[8, 2], [2, 8]])
    assert training.overfitting(evidence(few, records=course([0.8] * 6, trained=1.0), training_images=20)) is None


def test_overfitting_is_a_test_loss_that_rises_while_the_training_loss_falls():
    """Although the accuracy on training images is not known, as with mixed images."""
    falling = [1.0 - 0.08 * epoch for epoch in range(12)]
    rising = [0.9, 0.7, 0.5, 0.4, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75]
    unknown = [None] * 12
    found = training.overfitting(
        evidence(records=course([0.9] * 12, trained=unknown, losses=rising, train_losses=falling))
    )
    assert found is not None
    assert found.mark == "look"
    assert "epoch 4" in found.text or "epoch 5" in found.text
    steady = evidence(records=course([0.9] * 12, trained=unknown, losses=falling, train_losses=falling))
    assert training.overfitting(steady) is None
    kept = evidence(records=course([0.9] * 12, trained=unknown, losses=rising, train_losses=falling), kept_epoch=5)
    assert training.overfitting(kept) is None


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_loss_that_is_no_longer_a_number_is_no_overfitting(broken):
    """The training diverged, which another rule reports, and augmentation does not help."""
    fallen = [1.0, 0.8, 0.6, *[0.5] * 9]
    lost = [0.9, 0.7, 0.5, *[broken] * 9]
    for losses, train_losses in ((lost, lost), (lost, fallen), ([0.9, 0.7, 0.5, *[0.8] * 9], lost)):
        records = course([0.1] * 12, trained=[None] * 12, losses=losses, train_losses=train_losses)
        assert training.overfitting(evidence(records=records)) is None


def test_underfitting_is_a_low_accuracy_on_the_training_images():
    """Half of what guessing leaves is the limit."""
    records = course([0.4] * 6, trained=0.42)
    found = training.underfitting(evidence(predicted(even(10, 100, 40)), records=records))
    assert found is not None
    assert "42.00 %" in found.text
    assert training.underfitting(evidence(predicted(even(10, 100, 62)), records=course([0.62] * 6))) is None
    assert training.underfitting(GOOD) is None


def test_score_that_still_rises_deserves_more_epochs():
    """Unless images are learnt by heart, the gain is within noise, little is left, or a callback ended training."""
    rising = [0.4, 0.5, 0.6, 0.65, 0.7, 0.74, 0.78, 0.82, 0.86, 0.9]
    ordinary = predicted(even(10, 100, 90))
    found = training.still_improving(evidence(ordinary, records=course(rising)))
    assert found is not None
    assert "8.0 points" in found.text
    assert training.still_improving(evidence(ordinary, records=course(rising, trained=1.0))) is None
    assert training.still_improving(evidence(ordinary, records=course(rising), stopped=True)) is None
    assert training.still_improving(evidence(ordinary, records=course(rising), watched_images=20)) is None
    assert training.still_improving(evidence(ordinary, records=course([*rising[:-1], 0.995]))) is None
    assert training.still_improving(GOOD) is None


def test_score_that_fell_long_before_the_end():
    """By more than noise, and unless the best weights were kept."""
    fallen = course([0.5, 0.7, 0.9, 0.85, 0.8, 0.78, 0.76, 0.75])
    found = training.score_fell(evidence(records=fallen))
    assert found is not None
    assert found.mark == "bad"
    assert "epoch 3" in found.text
    assert training.score_fell(evidence(records=fallen, kept_epoch=3)) is None
    wobbling = course([0.5, 0.7, 0.9, 0.89, 0.9, 0.88, 0.89, 0.89])
    assert training.score_fell(evidence(records=wobbling, watched_images=100)) is None
    assert training.score_fell(GOOD) is None


def test_training_that_diverged():
    """The loss ends where it began or above, far above its lowest value; a high loss that falls is none."""
    losses = [2.3, 1.5, 1.0, 0.9, 2.0, 4.0, 5.0, 5.0]
    found = training.diverged(evidence(records=course([0.5] * 8, train_losses=losses)))
    assert found is not None
    assert found.mark == "bad"
    assert "0.9 " in found.text
    assert training.diverged(evidence(records=course([0.5] * 8, train_losses=[2.3, 3, 5, 4, 2, 1.5, 1, 0.9]))) is None
    assert training.diverged(GOOD) is None


def of_steps(losses):
    """Return the evidence of a run of one epoch with these losses of its steps."""
    (record,) = course([0.5], steps=len(losses))
    return evidence(records=(replace(record, step_losses=tuple(losses)),))


@pytest.mark.parametrize("spread", [0.3, 0.5])
def test_flat_noisy_losses_have_not_diverged(spread):
    """The lowest of many blocks is low by luck, above all if a block is a few steps."""
    draw, alarms, runs = Random(0), 0, 0
    for steps in (20, 25, 39, 40, 60, 100, 150, 200, 300):
        for _ in range(100):
            losses = [0.1 * math.exp(draw.gauss(0, spread)) for _ in range(steps)]
            alarms += training.diverged(of_steps(losses)) is not None
            runs += 1
    assert alarms < 0.02 * runs


@pytest.mark.parametrize("steps", [40, 60, 100, 300, 2000])
def test_divergence_of_noisy_losses_is_found(steps):
    """The loss falls to a fifth and ends at twice the first."""
    draw = Random(0)
    for _ in range(20):
        course_of_loss = [2.3 * 0.2 ** min(1, 2 * place / steps) for place in range(steps // 2)]
        course_of_loss += [4.6] * (steps - len(course_of_loss))
        losses = [loss * math.exp(draw.gauss(0, 0.3)) for loss in course_of_loss]
        assert training.diverged(of_steps(losses)) is not None


def test_divergence_from_a_loss_of_zero():
    """Zero has no logarithm."""
    assert training.diverged(of_steps([1.0] * 20 + [0.0] * 20 + [3.0] * 20)) is not None
    assert training.diverged(of_steps([0.0] * 60)) is None


def test_few_images_do_not_show_that_training_converged():
    """With 40 images, a change of 5 points is within one standard error."""
    records = course([0.5, 0.7, 0.8, 0.9, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95])
    assert training.converged(evidence(records=records)) is not None
    assert training.converged(evidence(records=records, watched_images=40)) is None
    assert training.converged(evidence(records=course([0.9] * 8 + [0.85, 0.85]), watched_images=40)) is None


def test_no_better_than_chance():
    """Whatever the classes' sizes: agreement is compared with that of the same predictions in another order."""
    found = outcome.chance(evidence(predicted(even(10, 20, 2))))
    assert found is not None
    assert found.mark == "bad"
    always = outcome.chance(evidence(predicted([[90, 0], [10, 0]])))
    assert always is not None
    assert "90.00 % would" in always.text
    assert outcome.chance(evidence(predicted([[88, 2], [4, 6]]))) is None
    assert outcome.chance(GOOD) is None


@pytest.mark.parametrize(
    "made",
    [
        predicted([[20, 0], [0, 0]]),
        predicted([[0, 0], [0, 1]]),
        predicted([[15, 5], [0, 0]]),
        sets([[1, 0]] * 20, [[0.9, 0.1]] * 20),
        sets([[1, 0]], [[0.9, 0.1]]),
    ],
    ids=["one class", "one image", "one class with errors", "equal sets", "one set"],
)
def test_images_with_the_same_labels_are_not_compared_with_chance(made):
    """A model that recognises them and one that always predicts their class cannot be told apart."""
    assert outcome.chance(evidence(made)) is None


def test_one_prediction_for_two_classes_is_no_better_than_chance():
    """However few images the second class has."""
    assert outcome.chance(evidence(predicted([[19, 0], [1, 0]]))) is not None
    assert outcome.chance(evidence(sets([[1, 0], [0, 1]] * 10, [[0.9, 0.1]] * 20))) is not None


def test_equal_probabilities_are_chance_in_any_order_of_the_images():
    """Ties share their rank, so images with the label that come last are not above others."""
    labels = [[0]] * 20 + [[1]] * 20
    for given in (labels, labels[::-1]):
        assert outcome.chance(evidence(sets(given, [[0.5]] * 40))) is not None


def test_worse_than_chance_suggests_swapped_labels():
    """It is an accusation, so it is made only if it is sure."""
    swapped = outcome.chance(evidence(predicted([[5, 45], [45, 5]])))
    assert swapped is not None
    assert "worse than chance" in swapped.text
    unlucky = outcome.chance(evidence(predicted([[20, 30], [30, 20]])))
    assert unlucky is not None
    assert "not surely better" in unlucky.text


def test_labels_of_sets_no_better_than_chance():
    """Ranks are compared, so thresholds do not matter."""
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(60, 3, generator=generator) < 0.4).int().tolist()
    guessed = torch.rand(60, 3, generator=generator).tolist()
    found = outcome.chance(evidence(sets(labels, guessed)))
    assert found is not None
    assert found.where == "label_scores"
    right = [[0.8 if flag else 0.3 for flag in row] for row in labels]
    assert outcome.chance(evidence(sets(labels, right))) is None


def test_one_class_for_most_images():
    """A class that most images have may be predicted for most."""
    found = outcome.one_class(evidence(predicted([[30, 0, 0], [24, 6, 0], [28, 0, 2]])))
    assert found is not None
    assert "cat" in found.text
    assert outcome.one_class(evidence(predicted([[95, 0], [2, 3]]))) is None
    assert outcome.one_class(GOOD) is None


def test_few_test_images_make_a_wide_interval():
    """The interval is written out."""
    found = outcome.too_few_images(evidence(predicted(even(4, 20, 16))))
    assert found is not None
    assert "80 images" in found.text
    assert "95 % interval" in found.text
    one = outcome.too_few_images(evidence(predicted([[1, 0], [0, 0]])))
    assert one is not None
    assert "1 image measures" in one.text
    assert outcome.too_few_images(GOOD) is None


def test_choice_by_the_images_that_measure_the_result():
    """It is named."""
    found = outcome.chosen_on_the_same(evidence(chosen_by="the epoch"))
    assert found is not None
    assert "the epoch was chosen" in found.text
    assert outcome.chosen_on_the_same(GOOD) is None


def test_pair_of_classes_that_makes_most_errors():
    """Both directions count together; the largest of many even pairs is nothing to speak of."""
    counts = even(10, 100, 96)
    counts[0][1] += 20
    counts[1][0] += 15
    counts[0][0] -= 20
    counts[1][1] -= 15
    found = by_class.confused_pair(evidence(predicted(counts)))
    assert found is not None
    assert "cat and dog" in found.text
    assert by_class.confused_pair(evidence(predicted(even(10, 100, 60)))) is None
    assert by_class.confused_pair(evidence(predicted([[80, 20], [20, 80]]))) is None


def test_class_with_few_training_images():
    """With their number, the fewest first."""
    counts = torch.tensor([500, 12, 500, 4, *[500] * 6])
    found = by_class.few_training_images(evidence(training_counts=counts))
    assert found is not None
    assert "frog (4), dog (12)" in found.text
    assert by_class.few_training_images(GOOD) is None


def test_class_that_is_hardly_ever_recognised():
    """A class with too few images to know is not accused, and nor is one of a model that recognises nothing."""
    counts = even(10, 50, 45)
    counts[3] = [0, 0, 1, 1, 48, 0, 0, 0, 0, 0]
    found = by_class.lost_class(evidence(predicted(counts)))
    assert found is not None
    assert found.mark == "bad"
    assert "frog (1 of 50)" in found.text
    assert by_class.lost_class(evidence(predicted([[50, 0], [2, 0]]))) is None
    assert by_class.lost_class(evidence(predicted(even(10, 20, 2)))) is None
    assert by_class.lost_class(GOOD) is None


def test_label_that_is_hardly_ever_recognised():
    """Its recall is counted at its threshold."""
    labels = [[1, 1, 0]] * 30 + [[1, 0, 1]] * 30
    chances = [[0.9, 0.1, 0.1]] * 30 + [[0.9, 0.1, 0.9]] * 30
    found = by_class.lost_class(evidence(sets(labels, chances)))
    assert found is not None
    assert "dog (0 of 30)" in found.text
    right = [[0.9 if flag else 0.1 for flag in row] for row in labels]
    assert by_class.lost_class(evidence(sets(labels, right))) is None


@pytest.mark.parametrize(
    ("sure", "rule", "mark"),
    [(0.99, "overconfidence", "bad"), (0.86, "overconfidence", "look"), (0.6, "underconfidence", "look")],
)
def test_confidence_that_does_not_match_the_accuracy(sure, rule, mark):
    """Of 75 % that are right."""
    found = confidence.confidence(evidence(predicted(even(10, 100, 75), sure)))
    assert found is not None
    assert (found.rule, found.mark) == (rule, mark)


def test_confidence_of_few_images_is_not_judged():
    """Ten points of difference on 30 images may be luck."""
    assert confidence.confidence(evidence(predicted(even(3, 10, 8), 0.9))) is None


def test_labels_that_the_model_contradicts():
    """Only if it is accurate and not overconfident otherwise: errors look the same."""
    counts = even(10, 100, 100)
    for label in range(10):
        counts[label][(label + 1) % 10] += 3
    found = confidence.label_errors(evidence(predicted(counts, 0.995)))
    assert found is not None
    assert found.mark == "look"
    assert "30 test images" in found.text
    assert confidence.label_errors(GOOD) is None
    assert confidence.label_errors(evidence(predicted(even(10, 100, 60), 0.999))) is None


def test_labels_of_sets_that_the_model_contradicts():
    """Each pair of an image and a label is a question."""
    labels = [[1, 0]] * 50 + [[0, 1]] * 50
    chances = [[0.995, 0.005]] * 50 + [[0.005, 0.995]] * 50
    assert confidence.label_errors(evidence(sets(labels, chances))) is None
    wrong = [[0, 1]] * 10 + labels[10:]
    found = confidence.label_errors(evidence(sets(wrong, chances)))
    assert found is not None
    assert "10 test images" in found.text


def audited(*pairs):
    """Return an audit that found these pairs."""
    return Audit((), pairs, ("cat", "dog"), skipped=False)


def pair(first, second, labels=((0,), (0,))):
    """Return two equal images of the splits `first` and `second`."""
    ends = [Place(split, 0, "a.png", label) for split, label in zip((first, second), labels, strict=True)]
    return Pair(*ends, 1.0, exact=True)


def test_images_of_the_test_set_that_are_also_in_training():
    """From one in a hundred on, the score itself is wrong; none is good news."""
    few = predicted([[40, 10], [10, 40]])
    found = data.duplicates(evidence(few, audit=audited(pair("test", "training"))))
    assert found is not None
    assert (found.rule, found.mark) == ("duplicates", "bad")
    many = data.duplicates(evidence(audit=audited(pair("test", "training"))))
    assert many is not None
    assert many.mark == "look"
    none = data.duplicates(evidence(few, audit=audited(pair("training", "training"))))
    assert none is not None
    assert none.mark == "good"
    assert data.duplicates(GOOD) is None


def split_facts(name, number):
    """Return the facts of a split of `number` black images of the first class."""
    return SplitFacts(
        name,
        tuple(f"{name}/{index}.png" for index in range(number)),
        ((0,),) * number,
        torch.full((number, 2), 32),
        3,
        torch.zeros(number, dtype=torch.bool),
        (b"",) * number,
        torch.zeros(number, 3, SIDE, SIDE, dtype=torch.uint8),
        {},
    )


def test_images_of_the_validation_set_that_are_also_in_training():
    """They make choices uncertain, and the measured result only if images of the test set are there too."""
    splits = (split_facts("training", 10), split_facts("validation", 50), split_facts("test", 400))
    only = data.duplicates(evidence(audit=replace(audited(pair("validation", "training")), splits=splits)))
    assert only is not None
    assert only.mark == "look"
    assert only.text.startswith("1 of 50 validation images (2.0 %) are also among the training images")
    assert "choices by these images" in only.text
    pairs = (pair("validation", "training"), pair("test", "training"))
    both = data.duplicates(evidence(audit=replace(audited(*pairs), splits=splits)))
    assert both is not None
    assert "test images" in both.text.partition(" and ")[0]
    assert "1 of 50 validation images" in both.text
    assert "probably too high" in both.text


def test_damaged_images_that_were_left_out():
    """The first is named; what is not damaged has other places."""
    lost = (LeftOut("cat/7.jpg", "damaged: it ends early"), LeftOut("cat/8.jpg", "damaged: it ends early"))
    found = data.damaged(evidence(audit=replace(audited(), unread=lost)))
    assert found is not None
    assert found.text == "2 damaged images were left out: cat/7.jpg and 1 more."
    assert data.damaged(evidence(audit=audited())) is None


def test_search_that_ended_at_its_limit_does_not_show_that_there_are_no_duplicates():
    """The pairs that were not compared may be some."""
    found = replace(audited(), skipped=True)
    assert data.duplicates(evidence(audit=found)) is None
    assert data.duplicates(evidence(audit=replace(found, pairs=(pair("test", "training"),)))) is not None


def test_equal_images_with_different_labels():
    """One of the labels is wrong."""
    found = data.contradicting_duplicates(evidence(audit=audited(pair("training", "training", ((0,), (1,))))))
    assert found is not None
    assert found.where == "conflicts"
    assert data.contradicting_duplicates(evidence(audit=audited(pair("training", "training")))) is None


def test_explanations_no_better_than_a_map_without_a_model():
    """On every measure; one that surely beats all baselines is not mentioned."""
    base = next(iter(BASELINES))
    hits = torch.arange(60) % 4 != 0
    equal = Scored.of(POINTING, {"grad_cam": hits.double(), base: hits.double()})
    found = data.explanations(evidence(scored=(equal,)))
    assert found is not None
    assert found.mark == "look"
    assert base in found.text
    better = Scored.of(POINTING, {"grad_cam": torch.ones(60), base: (~hits).double()})
    assert data.explanations(evidence(scored=(better,))) is None


def test_explanations_that_ignore_the_weights():
    """Maps that stay the same with random weights do not show what the model does."""
    blind = Scored.of(RANDOMISATION, {"edges": torch.full((30,), 0.99)})
    found = data.explanations(evidence(scored=(blind,)))
    assert found is not None
    assert found.mark == "bad"
    follows = Scored.of(RANDOMISATION, {"grad_cam": torch.full((30,), 0.1)})
    assert data.explanations(evidence(scored=(follows,))) is None


@pytest.mark.parametrize(
    ("alike", "advice"),
    [
        ({"edges": 0.99}, "use another explainer, such as gradcam/grad_cam"),
        ({"grad_cam": 0.99, "edges": 0.99}, "compare other explainers"),
        ({"edges": 0.99, "grad_cam": 0.6}, "compare other explainers"),
        ({"grad_cam": 0.99, "occlusion": 0.1}, "those of occlusion follow the weights"),
    ],
)
def test_explainer_that_failed_is_not_suggested(alike, advice):
    """One that passed is, or one that was not tried."""
    values = {name: torch.full((30,), value) for name, value in alike.items()}
    found = data.explanations(evidence(scored=(Scored.of(RANDOMISATION, values),)))
    assert found is not None
    assert advice in found.advice


def test_run_that_others_cannot_repeat():
    """The first reason is named, and the number of others."""
    found = data.reproducible(
        evidence(irreproducible=("code was not committed", "torch was another"), reproducibility_known=True)
    )
    assert found is not None
    assert found.rule == "irreproducible"
    assert "code was not committed" in found.text
    assert "1 more reason" in found.text
    assert data.reproducible(evidence()) is None
    good = data.reproducible(evidence(reproducibility_known=True))
    assert good is not None
    assert good.mark == "good"
