"""``cvkit serve`` as a process: it says its address, answers, and stops at Ctrl-C."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def run(cvkit, recipe, tmp_path) -> Path:
    """A run folder."""
    cvkit("run", recipe, "--set", "train.epochs=1", "--output", tmp_path / "runs")
    return next((tmp_path / "runs").iterdir())


def test_server_answers_until_it_is_interrupted(run, tmp_path):
    """The first line has the address; the end is not an error."""
    command = [sys.executable, "-m", "cvkit", "serve", run, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline()).group()
            content = io.BytesIO()
            Image.new("RGB", (20, 30)).save(content, "jpeg")
            with urllib.request.urlopen(address + "predict", content.getvalue()) as answer:
                assert len(json.load(answer)["predictions"]) == 3
        finally:
            os.kill(server.pid, signal.SIGINT)
            out, err = server.communicate(timeout=60)
    assert (server.returncode, out, err) == (0, "stopped\n", "")
