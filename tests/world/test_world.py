"""The processes of a world meet, exchange values and end together."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from worlds import codes_of, together

from cvkit.batch_division import Share
from cvkit.errors import DataError
from cvkit.world.exchange import combine, copy_from_first, gather, gather_rows
from cvkit.world.world import OtherProcessFailed, World


@pytest.mark.parametrize("total", [0, 1, 2, 7])
def test_shares_of_all_processes_are_the_whole(total):
    """No element is missing and none is there twice, also where the number does not divide."""
    shares = [Share(rank, 3) for rank in range(3)]
    found = [number for share in shares for number in list(range(total))[share.rows]]
    assert sorted(found) == list(range(total))
    assert [share.of(total) for share in shares] == [len(range(total)[share.rows]) for share in shares]


def test_tensors_are_exchanged_exactly():
    """Sums and the largest elements are the same in all processes, and rows come back in their order."""

    def work(world: World):
        numbers, counts = torch.arange(5.0).view(1, 5) + world.rank, torch.tensor([world.rank])
        world.agree()
        combine(world, [numbers, counts.float()])
        combine(world, [counts], largest=True)
        own = torch.full((3,), float(world.rank))
        copy_from_first(world, [own])
        batch = torch.arange(14.0).view(7, 2)
        rows = gather_rows(world, batch[world.share.rows], 7)
        apart = gather(world, batch[: 2 * world.rank], [2 * rank for rank in range(world.size)])
        return numbers, counts, own, rows, apart

    found = together(3, work)
    for numbers, counts, own, rows, apart in found:
        assert numbers.tolist() == [[3.0, 6.0, 9.0, 12.0, 15.0]]
        assert counts.tolist() == [2]
        assert own.tolist() == [0.0, 0.0, 0.0]
        assert torch.equal(rows, torch.arange(14.0).view(7, 2))
        assert [len(each) for each in apart] == [0, 2, 4]


def test_values_of_the_first_process_reach_all():
    """Whatever the others have, and tensors within them too."""
    found = together(2, lambda world: world.from_first({"value": world.rank, "tensor": torch.ones(2) * world.rank}))
    assert [each["value"] for each in found] == [0, 0]
    assert all(torch.equal(each["tensor"], torch.zeros(2)) for each in found)


def test_an_error_ends_all_processes_with_its_message():
    """The others do not wait for a process that has failed; they raise its error with its exit code."""

    def work(world: World):
        try:
            with world.ending_together():
                world.agree()
                if world.rank == 1:
                    raise DataError("cat.jpg is damaged")
                world.from_first(None)
        except DataError as error:
            return "own", str(error)
        except OtherProcessFailed as error:
            return "other", str(error), error.exit_code, error.resumable
        return "none"

    found = together(3, work)
    told = ("other", "process 1 of 3: cat.jpg is damaged", 2, False)
    assert found == [told, ("own", "cat.jpg is damaged"), told]


def test_a_request_to_stop_reaches_all_processes_at_the_same_agreement():
    """So all of them take the same number of steps."""

    def work(world: World):
        stopped = []
        world.on_stop = stopped.append
        steps = 0
        while not stopped:
            steps += 1
            if world.rank == 1 and steps == 3:
                world.ask_to_stop(15)
            world.agree()
        return steps, stopped

    assert together(3, work) == [(3, [15])] * 3


def test_a_killed_process_ends_the_others():
    """They raise an error that says what happened, and the run can continue."""

    def work(world: World):
        world.agree()
        if world.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        with pytest.raises(OtherProcessFailed, match="without a message") as raised, world.ending_together():
            world.agree()
        assert raised.value.resumable

    assert codes_of(2, work) == [0, -signal.SIGKILL]
