"""What worker processes are asked for: the draws of each batch, made when they are needed."""

from __future__ import annotations

import torch

from cvkit.batch_division import Share
from cvkit.data.samples import Requests
from cvkit.step_progress import Progress


def test_requests_have_the_draws_of_a_share_in_order():
    """Each of two processes gets every second draw; a batch without any gets its first, whose size is needed."""
    chunks = torch.arange(5).split(2)
    first, second = (Requests(7, chunks, Share(rank, 2), 0, None) for rank in range(2))
    assert [*first] == [(7, [0], None), (7, [2], None), (7, [4], None)]
    assert [*second] == [(7, [1], None), (7, [3], None), (7, [4], None)]
    assert first[1:] == [*first][1:]
    assert (len(first), first[-1]) == (3, (7, [4], None))


def test_requests_have_the_progress_of_their_batch():
    """After a resume within an epoch, the number of the first batch is not 0."""
    made = []

    def progress(batch: int) -> Progress:
        made.append(batch)
        return Progress.of(0, batch, 10, 10)

    requests = Requests(0, torch.arange(6).split(2), Share(), 4, progress)
    assert made == []
    assert [request[2].step for request in requests] == [4, 5, 6]
