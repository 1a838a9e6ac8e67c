"""``cvkit list``: what recipes can name."""

from __future__ import annotations

import json
import os
import pty
import re
import runpy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from cvkit import KINDS
from cvkit.cli.tables import print_table
from cvkit.host.discovery import discover

CORE = version("cvkit-core")
ENTRIES = list(discover().entries())


def test_list_shows_every_component_in_a_line(cvkit, wording):
    """Kind, full id, a family's number of members, distribution with version and summary, a line each."""
    answer = cvkit("list")
    assert (answer.code, answer.err) == (0, "")
    header, *lines = answer.out.splitlines()
    assert cells(header) == wording
    assert len(lines) == len(ENTRIES)
    for line, entry in zip(lines, ENTRIES, strict=True):
        count = f" ({len(entry.members()):,})" if entry.component.is_family else ""
        words = [entry.kind.singular, entry.id + count, str(entry.origin), entry.component.summary]
        assert " ".join(line.split()) == " ".join(words)


def test_list_in_a_pipe_is_plain_and_never_wraps(cvkit, monkeypatch):
    """Lines stay whole and without colour however narrow the terminal is said to be, so that grep works."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = cvkit("list").out
    assert "\x1b" not in out
    assert "kornia/horizontal_flip" in out
    assert max(map(len, out.splitlines())) > 80
    assert all(line == line.rstrip() for line in out.splitlines())


@pytest.mark.parametrize("kind", KINDS)
def test_list_of_one_kind_shows_only_that(cvkit, kind):
    """The kinds are named as in the hooks."""
    _, *lines = cvkit("list", kind).out.splitlines()
    assert len(lines) == len([entry for entry in ENTRIES if entry.kind.name == kind]) > 0
    assert all(line.startswith(KINDS[kind].singular + "  ") for line in lines)


def test_list_takes_a_kind_in_the_singular(cvkit):
    """A person's first guess is a kind too."""
    assert cvkit("list", "model").out == cvkit("list", "models").out
    assert cvkit("list", "dataset").out == cvkit("list", "data set").out == cvkit("list", "datasets").out


def test_list_of_an_unknown_kind_names_the_kinds(cvkit, wording):
    """A slip in the first of two words is answered with what there is."""
    answer = cvkit("list", "modles", "resnet")
    assert (answer.code, answer.out) == (2, "")
    assert "'modles'" in answer.err
    assert "'models'" in answer.err
    assert all(kind in answer.err for kind in KINDS)
    assert answer.err == wording


def test_list_as_json_is_complete(cvkit):
    """Every component with every field, for programs."""
    rows = json.loads(cvkit("list", "--json").out)
    assert [row["id"] for row in rows] == [entry.id for entry in ENTRIES]
    (kornia,) = [row for row in rows if row["id"] == "kornia/*"]
    assert kornia == {
        "kind": "augmentations",
        "id": "kornia/*",
        "family": True,
        "members": kornia["members"],
        "summary": next(entry.component.summary for entry in ENTRIES if entry.id == "kornia/*"),
        "plugin": "kornia",
        "distribution": "cvkit-core",
        "version": kornia["version"],
        "file": "",
        "ambiguous": False,
        "deprecated": "",
        "needs": [],
    }
    assert kornia["members"] > 50
    assert all(row.keys() == kornia.keys() for row in rows)


def test_list_as_json_of_one_kind_is_valid(cvkit):
    """The kind and the format go together in either order."""
    rows = json.loads(cvkit("list", "losses", "--json").out)
    assert {row["kind"] for row in rows} == {"losses"}
    assert rows == json.loads(cvkit("list", "--json", "losses").out)


@pytest.mark.usefixtures("broken_plugin")
def test_list_tells_of_a_broken_plugin_beside_the_others(cvkit, wording):
    """The list is whole, JSON stays JSON, and stderr has one line for what does not work."""
    answer = cvkit("list", "--json")
    assert answer.code == 0
    assert len(json.loads(answer.out)) == len(ENTRIES)
    assert answer.err.count("\n") == 1
    assert "'acme'" in answer.err
    assert answer.err == wording


def test_list_survives_a_closed_pipe():
    """``cvkit list | head -1`` ends without a traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cvkit", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.wait()


@pytest.mark.parametrize("width", [72, 80, 120])
def test_list_on_a_terminal_is_a_table(width):
    """A terminal gets a table that fits it, with every name unbroken, under its kind."""
    text = on_terminal(width, "list")
    assert "───" in text
    assert all(entry.id in text for entry in ENTRIES)
    assert all(kind.singular in text for kind in KINDS.values())
    assert max(len(line) for line in text.splitlines()) <= width


def on_terminal(width: int, *arguments: str) -> str:
    """What the command shows on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-m", "cvkit", *arguments], stdout=theirs, env=environment):
        os.close(theirs)
        out = b""
        while chunk := _read(ours):
            out += chunk
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m|\r", "", out.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other side has closed
        return b""


def cells(line: str) -> list[str]:
    """The cells of a line of a table."""
    return re.split(" {2,}", line)


def names(answer) -> list[str]:
    """The ids in a list, without a family's number of members."""
    _, *lines = answer.out.splitlines()
    return [cells(line)[1].split()[0] for line in lines]


def test_list_answers_a_pattern_with_members(cvkit):
    """A family's members are looked through by its own list, whatever the case; a kind may stand first."""
    found = names(cvkit("list", "models", "timm/resnet1*"))
    assert {"timm/resnet18", "timm/resnet101"} <= set(found)
    assert all(name.startswith("timm/resnet1") for name in found)
    assert names(cvkit("list", "timm/resnet1*")) == found
    assert names(cvkit("list", "TIMM/ResNet1[8]")) == ["timm/resnet18"]


def test_list_of_a_whole_family_is_its_members(cvkit):
    """The id that the list shows for a family is a pattern for it."""
    families = [entry for entry in ENTRIES if entry.id == "timm/*"]
    assert [family.kind.name for family in families] == ["models", "optimizers"]
    members = [f"timm/{member}" for family in families for member in family.members()]
    assert names(cvkit("list", "timm/*")) == members


def test_list_gives_members_the_first_line_of_their_own_documentation(cvkit):
    """Where each member is a class, as in Kornia; where they share a function there is nothing to tell apart."""
    assert "Apply a random transformation to the brightness" in cvkit("list", "kornia/ColorJitter").out
    (row,) = json.loads(cvkit("list", "timm/resnet1[8]", "--json").out)
    assert (row["id"], row["summary"], row["family"], row["members"]) == ("timm/resnet18", "", False, None)


def test_list_finds_text_in_ids_summaries_and_members(cvkit):
    """Whatever the case; a family is named where its own id or summary has the text."""
    (summary,) = [entry.component.summary for entry in ENTRIES if entry.id == "gradcam/grad_cam"]
    assert names(cvkit("list", summary.upper())) == ["gradcam/grad_cam"]
    assert names(cvkit("list", "one_cyc")) == ["onecycle/one_cycle"]
    assert names(cvkit("list", "timm")) == ["timm/*", "timm/*", "export/hub", "export/safetensors"]
    assert "timm/resnet50" in names(cvkit("list", "resnet50"))
    assert {"kornia/RandomCrop", "kornia/random_crop"} <= set(names(cvkit("list", "augmentations", "crop")))


def test_list_of_one_plugin(cvkit):
    """Only what that plugin offers, of one kind or of all."""
    tuners = ["onecycle/lr_range_test", "onecycle/successive_halving"]
    assert names(cvkit("list", "--plugin", "onecycle")) == ["onecycle/one_cycle", *tuners]
    assert names(cvkit("list", "tuners", "--plugin", "onecycle")) == tuners


NOTHING = [
    (["cutuot"], "'cutout'"),
    (["modles"], "'models'"),
    (["timm/resnet81"], "'timm/resnet18'"),
    (["qqqq*"], "cvkit list"),
    (["models", "cutout"], "augmentations"),
    (["--plugin", "tim"], "'timm'"),
    (["losses", "--plugin", "timm"], "cvkit list --plugin timm"),
    (["--plugin", "tensorboard"], "cvkit plugins --why tensorboard"),
    (["--plugin", "timm", "--no-plugin", "timm"], "--no-plugin"),
]


@pytest.mark.parametrize(("arguments", "named"), NOTHING, ids=[" ".join(arguments) for arguments, _ in NOTHING])
def test_list_of_nothing_says_what_was_perhaps_meant(cvkit, wording, arguments, named):
    """A clear line, exit code 2, nothing on stdout."""
    answer = cvkit("list", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
    assert named in answer.err
    assert answer.err == wording


def test_list_of_a_plugin_without_hooks_says_so(cvkit, tmp_path, monkeypatch, wording):
    """It is no plugin yet."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "watcher.py").write_text("")
    answer = cvkit("list", "--plugin", "watcher", "--plugin-path", tmp_path / "watcher.py")
    assert answer.code == 2
    assert "cvkit plugins --why watcher" in answer.err
    assert answer.err == wording


def test_list_names_a_plugin_that_makes_every_command_slow(cvkit, tmp_path, monkeypatch, wording):
    """In a line on stderr, as it names those that do not work."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    file = tmp_path / "slow_nets.py"
    file.write_text(
        DECLARATION.replace("barn:", "slow_nets:")
        + "import time\nstart = time.process_time()\nwhile time.process_time() < start + 0.11: pass\n"
    )
    answer = cvkit("list", "losses", "--plugin-path", file)
    assert answer.code == 0
    assert answer.err.count("\n") == 1
    assert "cvkit plugins --why slow_nets" in answer.err
    assert answer.err == wording


def test_list_finds_a_plugin_by_a_name_in_capitals(cvkit, tmp_path, monkeypatch):
    """Case makes no difference on either side."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "AcmeNets.py").write_text(DECLARATION.replace("barn:", "AcmeNets:"))
    for text in ("AcmeNets", "acmenets/net", "ACMENETS/better*"):
        found = names(cvkit("list", text, "--plugin-path", tmp_path / "AcmeNets.py"))
        assert found
        assert all(name.startswith("AcmeNets/") for name in found)


def test_tables_keep_their_form_whatever_a_cell_holds(capsys):
    """Line breaks and tabs become blanks; a terminal's escapes and bells are spelled out."""
    print_table(["name", "what it is"], [["a\x1b[2J", "one\n   line,\ta\x07  bell"], ["b", "more"]])
    assert capsys.readouterr().out == "name      what it is\na\\x1b[2J  one line, a\\x07  bell\nb         more\n"


def test_list_leaves_a_disabled_plugin_out(cvkit):
    """As if it were not installed."""
    assert not any(name.startswith("timm/") for name in names(cvkit("list", "--no-plugin", "timm")))


DECLARATION = """
from cvkit import Component, hookimpl

@hookimpl
def cvkit_models():
    yield Component("net", "barn:net", "A net", deprecated="use barn/better")
    yield Component("custom_resnet", "barn:net", "A ResNet too")
    yield Component("better", "barn:net", "Needs things", requires=("no-such-thing>=2",))
    yield Component("*", "barn:net", "Animals", members="barn:lost")

def net(info): ...
def lost(): raise RuntimeError("the list is lost")
"""


@pytest.fixture
def barn(tmp_path, monkeypatch) -> Path:
    """A file with a plugin that every mark applies to."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "barn", raising=False)
    path = tmp_path / "barn.py"
    path.write_text(DECLARATION)
    return path


def test_list_marks_what_a_user_should_know_before_using_it(cvkit, barn, wording):
    """Deprecated, ambiguous, in need of a package, and a family that cannot list its members."""
    out = cvkit("list", "models", "--plugin-path", barn, "--plugin", "barn").out
    _, *lines = out.splitlines()
    marks = {name: last for _, name, _, *last in map(cells, lines)}
    assert "use barn/better" in marks["barn/net"][-1]
    assert "no-such-thing>=2" in marks["barn/better"][-1]
    assert marks == wording


def test_list_as_json_has_the_marks(cvkit, barn):
    """Programs get what a person sees, needs with their remedy."""
    rows = json.loads(cvkit("list", "models", "--json", "--plugin-path", barn).out)
    found = {row["id"]: row for row in rows}
    assert found["barn/net"]["deprecated"] == "use barn/better"
    assert found["barn/custom_resnet"]["ambiguous"] is found["resnet/custom_resnet"]["ambiguous"] is True
    assert "pip install 'no-such-thing>=2'" in found["barn/better"]["needs"][0]
    assert (found["barn/*"]["family"], found["barn/*"]["members"]) == (True, None)
    assert found["barn/net"]["file"] == str(barn)


def test_list_of_thirty_plugins_names_the_broken_one_and_loads_nothing_heavy(tmp_path):
    """600 components are declared, one plugin of 20 does not work: it is named, and the others are all there."""
    listing = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "listing.py"))
    listing["write_plugins"](tmp_path, plugins=30, components=20)
    command = [sys.executable, "-c", listing["LOADED"], "list"]
    done = listing["run"](command, {**os.environ, "PYTHONPATH": str(tmp_path)})
    assert len([line for line in done.stdout.splitlines() if " acme" in line]) == 580
    warning, loaded = done.stderr.splitlines()
    assert "'acme29'" in warning
    assert "acme-29 1.29" in warning
    assert "ModuleNotFoundError" in warning
    assert loaded == "loaded:"
