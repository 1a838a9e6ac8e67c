"""A linear separator between the activations of a concept's pictures and of training images.

The separator is the least-squares classifier with a ridge penalty, which has a closed form and needs no random start.
Its accuracy is measured by cross-validation. Whether it means something is decided by random groups of training
images, which have nothing in common: the separators of such groups reach an accuracy by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cvkit import permutation

PENALTY = 1.0
"""The ridge penalty as a multiple of the mean squared distance from the mean. There are often fewer images than
channels, and with a small penalty the direction follows what distinguishes single images."""

FOLDS = 5
ROUNDS = 20
"""The number of random sub-samples. By chance, an accuracy is above the highest of 20 others once in 21 times."""


@dataclass(frozen=True)
class Separator:
    """A linear separator between a concept and training images.

    Attributes:
        direction: The normal of the separator, which points to the concept, of length 1, float64 (c,); zero if all
            activations are equal. It is the concept activation vector.
        usual: The mean activation of the training images, float64 (c,).
        accuracy: Accuracy on images that the separator was not fitted on, in [0, 1]: the mean over random
            sub-samples with as many training images as pictures of the concept, so chance is 0.5.
        by_chance: The mean of this accuracy for random groups of training images.
        limit: The highest of these accuracies of random groups, of which there are 20.
        size: The number of pictures and of training images in each sub-sample.
    """

    direction: Tensor
    usual: Tensor
    accuracy: float
    by_chance: float
    limit: float
    size: int

    @property
    def tells_apart(self) -> bool:
        """Whether the concept is distinguished from training images better than random groups of them."""
        return self.accuracy > self.limit


def separator_of(concept: Tensor, training: Tensor, seed: int) -> Separator:
    """Return the separator between activations of a concept (n, c) and of training images (m, c).

    Source: Kim et al. 2018, "Interpretability Beyond Feature Attribution: Quantitative Testing with Concept
    Activation Vectors (TCAV)", arXiv 1711.11279, sections 3.2 and 3.3.
    """
    concept, training = concept.double(), training.double()
    size = min(len(concept), len(training) // 2)
    both = torch.cat([concept, training])
    basis = torch.linalg.svd(both - both.mean(dim=0), full_matrices=False).Vh  # the cross-validation needs no more
    first, second = concept @ basis.T, training @ basis.T
    own, random = [], []
    for number in range(ROUNDS):
        pictures = first[permutation(len(first), "sub-samples of a concept", seed, number)[:size]]
        order = permutation(len(second), "sub-samples of training images", seed, number)
        group, others = second[order[:size]], second[order[size : 2 * size]]
        own.append(held_out_accuracy(pictures, others))
        random.append(held_out_accuracy(group, others))
    normal, _ = least_squares(concept, training)
    length = normal.norm()
    return Separator(
        normal / torch.where(length > 0, length, 1.0),
        training.mean(dim=0),
        sum(own) / ROUNDS,
        sum(random) / ROUNDS,
        max(random),
        size,
    )


def held_out_accuracy(first: Tensor, second: Tensor) -> float:
    """Return the accuracy of separators of two groups (n, c) of equal size on the images of each fold, in [0, 1]."""
    folds = torch.arange(len(first)) % FOLDS
    right = 0
    for fold in range(FOLDS):
        held = folds == fold
        normal, offset = least_squares(first[~held], second[~held])
        right += int((first[held] @ normal + offset > 0).sum()) + int((second[held] @ normal + offset < 0).sum())
    return right / (2 * len(first))


def least_squares(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return the normal w, (c,), and the offset b of the separator ``x w + b``, positive for the `first` (n, c).

    w minimises ``sum (x w + b - y)^2 + penalty |w|^2`` with y = 1 for the first and -1 for the second. Source:
    Hastie, Tibshirani & Friedman 2009, "The Elements of Statistical Learning", sections 3.4.1 and 4.2; it equals
    scikit-learn's ``RidgeClassifier``. The equations have one row for each image, because there are often fewer
    images than channels.
    """
    rows = torch.cat([first, second])
    aims = torch.cat([torch.ones_like(first[:, 0]), -torch.ones_like(second[:, 0])])
    mean, centred = rows.mean(dim=0), rows - rows.mean(dim=0)
    gram = centred @ centred.T
    penalty = (PENALTY * gram.diagonal().mean()).clamp_min(torch.finfo(gram.dtype).tiny)
    shares = torch.linalg.solve(gram + penalty * torch.eye(len(gram), dtype=gram.dtype), aims - aims.mean())
    normal = centred.T @ shares
    return normal, aims.mean() - mean @ normal
