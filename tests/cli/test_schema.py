"""``cvkit schema``: a JSON Schema of recipes, judged by an independent validator."""

from __future__ import annotations

import json
import subprocess
import sys

from schema_errors import SCHEMA, model_errors

from cvkit.searches.reading import KEYS


def test_schema_command_writes_a_file_or_stdout(cvkit, tmp_path, wording):
    """The same text to both, and the file's name said."""
    file = tmp_path / "cvkit.schema.json"
    answer = cvkit("schema", "--output", file)
    assert (answer.code, answer.err) == (0, "")
    assert str(file) in answer.out
    assert answer.out == wording
    printed = cvkit("schema").out
    assert printed.isascii()  # a terminal of any encoding takes it
    assert printed == file.read_text()
    assert len(printed) < 1_500_000
    assert json.loads(printed)["properties"].keys() == SCHEMA["properties"].keys()


def test_schema_command_writes_that_of_searches(cvkit):
    """With --search, instead of that of recipes."""
    answer = cvkit("schema", "--search")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out)["properties"].keys() == {*KEYS}


def test_schema_command_says_where_it_cannot_write(cvkit, tmp_path, wording):
    """A missing folder is a mistake of the user's, told in a line."""
    answer = cvkit("schema", "--output", tmp_path / "none" / "x.json")
    assert answer.code == 2
    assert f"'{tmp_path / 'none' / 'x.json'}'" in answer.err
    assert answer.err == wording


def test_schema_command_leaves_out_a_disabled_plugin(cvkit):
    """What ``--no-plugin`` leaves out is not completed."""
    assert '"timm/resnet18"' in cvkit("schema").out
    assert '"timm/resnet18"' not in cvkit("schema", "--no-plugin", "timm").out


def test_schema_command_has_the_options_of_a_plugin_file(cvkit, tmp_path, monkeypatch):
    """A model that is being written completes before it is packaged."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "acre_net.py").write_text(
        "from cvkit import Component, hookimpl\n"
        "@hookimpl\n"
        "def cvkit_models(): yield Component('acre_net', 'acre_net:net')\n"
        "def net(info, *, acres: int = 3): ...\n"
    )
    schema = json.loads(cvkit("schema", "--plugin-path", tmp_path / "acre_net.py").out)
    assert schema["definitions"]["models:acre_net/acre_net"]["properties"]["acres"]["default"] == 3
    assert model_errors(schema, "{name: acre_net, acres: many}")


def test_schema_command_loads_no_torch():
    """Writing the schema of everything that is installed needs the sources only."""
    code = "import sys; sys.argv = ['cvkit', 'schema']; from cvkit.cli import main\ntry: main()\nfinally: "
    code += "print('loaded', *{'torch', 'numpy', 'timm', 'kornia'} & set(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "loaded\n"


def test_help_tells_editors_how_to_find_it(cvkit):
    """The line that a recipe begins with, on a line of its own."""
    lines = [line.strip() for line in cvkit("schema", "--help").out.splitlines()]
    assert "# yaml-language-server: $schema=cvkit.schema.json" in lines
    assert not any("\\b" in line for line in lines)
