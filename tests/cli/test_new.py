"""``cvkit new``: a recipe for somebody's photos, which runs unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
from photos import photo
from PIL import Image

TINY = ("--model", "resnet/custom_resnet", "--size", "32")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Uneven classes of photos of several sizes, one of them damaged; it is in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name, count in (("cat", 16), ("dog", 8)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(count):
            side = 36 + number
            picture = Image.fromarray(photo(len(name) * 100 + ord(name[0]) + number, side).permute(1, 2, 0).numpy())
            picture.save(tmp_path / "pets" / name / f"{number}.png")
    damaged = tmp_path / "pets/dog/3.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    return Path("pets")


def test_new_writes_a_commented_recipe_and_says_why(cvkit, folder, wording):
    """Classes, sizes, damage and imbalance are found; each decision has its reason."""
    answer = cvkit("new", folder, *TINY)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == wording
    assert Path("recipe.yaml").read_text() == wording


@pytest.mark.parametrize("source", ["pets", "pets.csv"])
def test_recipe_runs_unchanged(cvkit, folder, source, unrendered, one_thread):
    """Of a folder, and of a table."""
    rows = [f"{path.as_posix()},{path.parent.name}" for path in sorted(folder.glob("*/*"))]
    Path("pets.csv").write_text("\n".join(["path,label", *rows]))
    assert cvkit("new", source, *TINY).code == 0
    answer = cvkit("run", "recipe.yaml", "--set", "train.epochs=1", "--set", "model.width=2")
    assert answer.code == 0, answer.err
    assert "test accuracy" in answer.out


@pytest.mark.parametrize("source", ["pets", "pets.csv"])
def test_recipe_for_photos_in_the_data_folder_opens(cvkit, folder, source):
    """From any folder in which it is written."""
    rows = [f"{path.as_posix()},{path.parent.name}" for path in sorted(folder.glob("*/*"))]
    Path("pets.csv").write_text("\n".join(["path,label", *rows]))
    for name in ("data", "sub"):
        Path(name).mkdir()
    for name in ("pets", "pets.csv"):
        Path(name).rename(Path("data", name))
    answer = cvkit("new", source, *TINY, "--data", "data", "--output", "sub/recipe.yaml")
    assert answer.code == 0, answer.err
    checked = cvkit("audit", "sub/recipe.yaml")
    assert checked.code == 0, checked.err


def test_columns_of_a_table_may_have_any_name(cvkit, folder, wording):
    """The recipe has them; a folder has no columns."""
    rows = [f"{path.as_posix()},{path.parent.name},{path.stem[-1]}" for path in sorted(folder.glob("*/*"))]
    Path("pets.csv").write_text("\n".join(["id,breed,animal", *rows]))
    answer = cvkit("new", "pets.csv", *TINY, "--image", "id", "--label", "breed", "--group", "animal")
    assert answer.code == 0, answer.err
    lines = Path("recipe.yaml").read_text().splitlines()
    assert [line.split("#")[0].strip() for line in lines[3:11]] == wording
    assert cvkit("check", "recipe.yaml").code == 0
    refused = cvkit("new", folder, *TINY, "--image", "id", "--output", "other.yaml")
    assert refused.code == 2
    assert refused.err == wording


def test_new_keeps_an_existing_recipe(cvkit, folder):
    """Nothing is overwritten, nor made where a folder is missing."""
    Path("recipe.yaml").write_text("mine")
    taken, missing = cvkit("new", folder, *TINY), cvkit("new", folder, *TINY, "--output", "no/recipe.yaml")
    assert (taken.code, missing.code) == (2, 2)
    assert "'recipe.yaml' already exists" in taken.err
    assert "'no' is not a folder" in missing.err
    assert Path("recipe.yaml").read_text() == "mine"


def test_new_says_that_photos_are_missing_before_it_says_that_a_recipe_exists(cvkit, folder):
    """Another place for the recipe would not help."""
    Path("recipe.yaml").write_text("mine")
    answer = cvkit("new", "nowhere", *TINY)
    assert answer.code == 2
    assert "'nowhere' was not found" in answer.err
    assert Path("recipe.yaml").read_text() == "mine"


REFUSED = {
    "nothing there": (("nowhere", *TINY), "'nowhere' was not found"),
    "unknown network": (("pets", "--model", "custom_resnett"), "Did you mean 'custom_resnet'?"),
    "network without weights": (("pets", *TINY, "--weights", "w.pth"), "has no option 'pretrained'"),
    "no such weights": (("pets", "--model", "timm/test_resnet", "--weights", "w.pth"), "w.pth"),
    "both": (("pets", "--weights", "w.pth", "--scratch"), "contradict each other"),
}


@pytest.mark.parametrize(("words", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_new_refuses_what_it_cannot_use(cvkit, folder, words, named):
    """With exit code 2, a reason, and no recipe."""
    answer = cvkit("new", *words)
    assert answer.code == 2
    assert named in answer.err
    assert "Traceback" not in answer.err
    assert not Path("recipe.yaml").exists()


def test_new_says_when_weights_cannot_be_had(cvkit, folder, monkeypatch, tmp_path):
    """Neither the hub nor its cache has them: the recipe is written, and a command that needs none is suggested."""
    import shlex

    import cvkit_timm.model
    from cvkit.errors import RunError

    def unavailable(name: str) -> dict[str, object]:
        raise RunError(f"could not load the pretrained weights of timm/{name}. Set pretrained: false to start")

    monkeypatch.setattr(cvkit_timm.model, "load_arguments", unavailable)
    answer = cvkit("new", folder, "--model", "timm/test_resnet", "--size", "32")
    assert answer.code == 0
    assert "could not load the pretrained weights of timm/test_resnet" in answer.err
    assert "--weights FILE" in answer.err
    assert "pretrained: true" in Path("recipe.yaml").read_text()
    suggested = shlex.split(answer.err.strip().partition("For a network with random weights: ")[2])
    assert suggested == ["cvkit", "new", "pets", "--scratch", "--output", "recipe-scratch.yaml"]
    again = cvkit(*suggested[1:], "--model", "timm/test_resnet", "--size", "32")
    assert (again.code, again.err) == (0, "")


def test_scratch_asks_for_no_weights(cvkit, folder):
    """The network is trained whole, and nothing is fine-tuned."""
    answer = cvkit("new", folder, "--model", "timm/test_resnet", "--size", "32", "--scratch")
    assert (answer.code, answer.err) == (0, "")
    assert "finetune" not in Path("recipe.yaml").read_text()
