"""Shells complete commands, options and the names of components."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from cvkit.cli.completing import component_ids, kind_names

COMPLETE = component_ids("explainers", listed=True)


def completed(function, text: str) -> list[str]:
    """Return what a function completes a word to."""
    return function(click.Context(click.Command("x")), click.Argument(["x"]), text)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_printed(cvkit, shell):
    """It calls cvkit with the variable that click looks for."""
    answer = cvkit("completion", shell)
    if answer.code == 2 and "bash" in answer.err:  # macOS has a bash of 2007
        pytest.skip(answer.err)
    assert answer.code == 0
    assert f"_CVKIT_COMPLETE={shell}_complete" in answer.out


def test_an_unknown_shell_is_refused(cvkit):
    """With the shells that are known."""
    answer = cvkit("completion", "tcsh")
    assert answer.code == 2
    assert "'bash', 'zsh', 'fish'" in answer.err


def test_components_are_completed_by_id_and_by_short_name():
    """Also the members of families, and the last name of a list."""
    assert "gradcam/grad_cam" in completed(component_ids(), "gradcam/")
    assert "grad_cam" in completed(COMPLETE, "grad")
    assert "grad_cam,layer_cam" in completed(COMPLETE, "grad_cam,layer")
    assert "timm/resnet18" in completed(component_ids("models"), "timm/resnet1")
    assert completed(component_ids("models"), "grad_cam") == []


def test_kinds_are_completed_before_components():
    """`cvkit list` accepts both."""
    assert completed(kind_names, "mod") == ["models"]
    assert "timm/resnet18" in completed(kind_names, "timm/resnet18")


def test_a_shell_completes_without_loading_torch():
    """A key press must not take seconds."""
    script = (
        "import sys\nfrom cvkit.cli import cli\n"
        "try:\n    cli.main(prog_name='cvkit', standalone_mode=False)\n"
        "except SystemExit:\n    pass\n"
        "assert not {'torch', 'numpy', 'rich'} & {*sys.modules}\n"
    )
    environment = {
        **os.environ,
        "_CVKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": "cvkit info gradcam/grad_cam",
        "COMP_CWORD": "2",
    }
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["plain,gradcam/grad_cam", "plain,gradcam/grad_cam_pp"]
