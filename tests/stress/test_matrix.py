"""The matrix of instruction sets runs what the CPU has, and a failure in any environment ends it with 1."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

PASSES = "def test_passes():\n    pass\n"
FAILS_ON_TWO = "import os\n\n\ndef test_of_threads():\n    assert os.environ['OMP_NUM_THREADS'] == '1'\n"


@pytest.fixture(scope="module")
def matrix() -> SimpleNamespace:
    """Return what tests/stress/matrix.py defines."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("matrix.py"))))


@pytest.mark.parametrize(
    ("flags", "count"),
    [(set(), 1), ({"sse4_1"}, 1), ({"sse4_1", "avx2", "fma"}, 2), ({"sse4_1", "avx2", "fma", "avx512f"}, 2)],
)
def test_environments_are_those_that_the_cpu_has(matrix, flags, count):
    """Each with one thread and with two; a CPU whose AVX-512 is partial has none that torch would use."""
    assert len(list(matrix.environments(flags))) == 2 * count


def test_cpu_of_every_set_has_all_of_them(matrix):
    """Two of torch's, as the third is what it takes by default; four of oneDNN's, two numbers of threads."""
    found = list(matrix.environments(set.union(*matrix.TORCH.values(), *matrix.ONEDNN.values())))
    assert len(found) == 2 * 4 * 2
    assert {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16",
        "OMP_NUM_THREADS": "2",
    } in found


def test_tests_of_the_matrix_are_there(matrix):
    """A file that was renamed would no longer be run."""
    assert [path for path in matrix.NUMERIC if not (matrix.ROOT / path).exists()] == []


@pytest.mark.parametrize(("text", "failing"), [(PASSES, 0), (FAILS_ON_TWO, 1)])
def test_failure_in_one_environment_is_named_and_ends_with_1(matrix, tmp_path, monkeypatch, capsys, text, failing):
    """The table has a row for each environment, and what failed is named below with its settings."""
    (tmp_path / "test_one.py").write_text(text)
    monkeypatch.setitem(matrix.main.__globals__, "cpu_flags", set)
    assert matrix.main([str(tmp_path / "test_one.py")]) == failing
    out = capsys.readouterr().out
    assert out.count("1 passed") == 2 - failing
    assert out.count("OMP_NUM_THREADS=2: FAILED") == failing
