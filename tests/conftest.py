"""What tests of several parts share."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
import pytest
from syrupy.assertion import SnapshotAssertion

# Here and in every process that the tests start, also where the environment says otherwise: the tests' nets are too
# small for more than one thread, and without compiled files each process would compile cvkit again.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYTHONDONTWRITEBYTECODE"] = ""
sys.dont_write_bytecode = False

pytest_plugins = ["written", "whole_runs"]


def pytest_configure(config: pytest.Config) -> None:
    """Hide GPUs from all tests but those that are asked for by ``-m gpu``: what a CPU computes repeats bit by bit.

    And keep the order of `DEAR`, in whose place pytest-xdist has files of many tests first.
    """
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    config.option.loadscopereorder = False


DEAR = (
    "scaffold/test_packages.py",
    "scaffold/test_lint_and_types.py",
    "testing/test_builtins.py",
    "cli_end_to_end/test_run_command.py",
    "docs/test_first_plugin.py",
    "docs/test_tutorials.py",
    "cli_end_to_end/test_cifar10.py",
    "cli_end_to_end/test_kill.py",
    "stress/test_kills.py",
    "stress/test_damages.py",
    "third_party/test_third_party.py",
    "docs/test_site.py",
    "docs/test_notebooks.py",
    "docs/test_typing.py",
)
"""The files that take longest run first: one that is left to the end keeps one process busy and the others idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of `DEAR` first, in its order, and leave the others in theirs."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(DEAR)}
    assert all(path.is_file() for path in places), "DEAR names a file that is not there"
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture
def wording(snapshot, tmp_path, tmp_path_factory) -> SnapshotAssertion:
    """What a user reads, compared with the snapshot beside the test; ``make wording`` accepts what it says now.

    Folders that differ from one run of the tests to the next are written as ``<tmp>``, ``<base>``, ``<repo>`` and
    ``<home>``, and the numbers of modules that a test wrote as ``N``. The estimate of a run's time is left out,
    because only slow machines print it for such short runs.
    """
    folders = {
        tmp_path: "<tmp>",
        tmp_path_factory.getbasetemp(): "<base>",
        Path(__file__).parents[1]: "<repo>",
        Path.home(): "<home>",
    }

    def portable(data: object, path: object) -> object:
        if isinstance(data, str):
            for folder, name in folders.items():
                data = data.replace(str(folder), name)
            data = re.sub(r"\b(package|plugin)_\d+\b", r"\1_N", data)
            data = re.sub(r"(?m)^the (rest of the |whole )?(training|run) will take about .*\n", "", data)
        return data

    return snapshot.with_defaults(matcher=portable)


@pytest.fixture(scope="session")
def cifar10_root() -> Path:
    """The data folder that holds the real CIFAR-10; tests are skipped where it has not been fetched."""
    root = Path(os.environ.get("CVKIT_DATA") or platformdirs.user_cache_path("cvkit"))
    if not (root / "cifar10.safetensors").is_file():
        pytest.skip(f"CIFAR-10 is not in {root}; `cvkit data fetch cifar10` puts it there")
    return root


@pytest.fixture(scope="session")
def same() -> Callable[[dict[str, object], dict[str, object]], None]:
    """Assert that two sets of tensors are equal to the bit."""
    import torch  # which most tests of names and recipes do without

    def assert_same(one: dict[str, object], other: dict[str, object]) -> None:
        assert one.keys() == other.keys()
        for name, tensor in one.items():
            assert torch.equal(tensor, other[name]), name

    return assert_same


@pytest.fixture
def one_thread():
    """Small nets run faster on one thread, and the same on every machine."""
    import torch  # which most tests of names and recipes do without

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def unrendered() -> Iterator[None]:
    """Leave figures unrendered in tests of anything else: cvkit paints them, and an empty picture is written."""
    import unrendered  # which loads matplotlib, as most tests of names and recipes do not

    with unrendered.figures():
        yield


@pytest.fixture(scope="session")
def warm(tmp_path_factory) -> None:
    """Carry out a run here, which loads what every run does, so that forks of this process need not."""
    from warming import warm_up  # which loads torch

    warm_up(tmp_path_factory.mktemp("warm"))


class Environment:
    """A virtual environment that sees every package of the running one, and those that are installed into it.

    Nothing is downloaded and nothing is installed twice: torch, cvkit and pip itself are the running environment's.
    """

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.python = folder / "bin" / "python"
        home = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
        seen = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        # As a folder of packages, not only a place to import from: its own .pth files count, as of editable installs.
        lines = [f"import site; site.addsitedir({path!r})\n" for path in sorted(seen)]
        (Path(home) / "running_environment.pth").write_text("".join(lines))

    def install(self, *packages: Path, editable: bool = True) -> None:
        """Install packages: a wheel as it is; a folder as it will be edited, or as a copy, as CI does."""
        sources = [
            part
            for path in packages
            for part in ([] if path.suffix == ".whl" or not editable else ["-e"]) + [str(path)]
        ]
        offline = ["--no-index", "--no-deps", "--no-build-isolation"]
        pip = [sys.executable, "-m", "pip", "--python", str(self.python)]
        subprocess.run([*pip, "install", "--quiet", *offline, *sources], check=True)

    def run(self, *arguments: object, cwd: Path | None = None) -> str:
        """Run its Python with `arguments` and return what that wrote; fail, showing it, where it does not exit 0."""
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            [self.python, *map(str, arguments)],
            cwd=cwd,
            env=variables | {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "10000"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="session")
def new_environment(tmp_path_factory) -> Callable[..., Environment]:
    """Make a throw-away environment in which packages are installed beside the running one's."""

    def made(*packages: Path, editable: bool = True) -> Environment:
        environment = Environment(tmp_path_factory.mktemp("environment"))
        environment.install(*packages, editable=editable)
        return environment

    return made


@pytest.fixture(scope="session")
def teacher(tmp_path_factory) -> Path:
    """Return the folder of a small run on `shapes`, whose model other runs are distilled from."""
    from cvkit import train

    recipe = {
        "dataset": {"name": "shapes", "train_size": 40, "test_size": 20},
        "model": {"name": "custom_resnet", "width": 4},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "train": {"epochs": 1, "batch_size": 10, "device": "cpu"},
        "report": {"misclassified": 0},
    }
    return train(recipe, output=tmp_path_factory.mktemp("teacher"), progress=False).folder
