"""The help of the command line: its groups of commands, an example of each, and where the documentation is."""

from __future__ import annotations

DOCS = "https://cvkit.github.io/cvkit/"

GROUPS = {
    "Train": ("new", "run", "resume", "finish", "extend", "repeat", "search"),
    "Use a trained model": ("predict", "evaluate", "explain", "calibrate", "compare", "export", "serve"),
    "Check first": ("check", "audit", "preview", "lr-find", "speed", "doctor"),
    "Components and plugins": ("list", "info", "plugins", "new-plugin", "add", "schema", "data", "completion"),
}
"""The commands by what people want to do, in the order in which they need them."""

EXAMPLES = {
    "new": ("new photos/",),
    "run": ("run recipe.yaml", "run recipe.yaml --set train.epochs=5 --set model=timm/resnet18"),
    "resume": ("resume runs/pets-20270131-090000",),
    "finish": ("finish runs/pets-20270131-090000",),
    "extend": ("extend runs/pets-20270131-090000 --epochs 20 --schedule stretch",),
    "predict": ("predict runs/pets-20270131-090000 photos/ --output predictions.csv",),
    "evaluate": ("evaluate runs/pets-20270131-090000 --data labelled-photos/",),
    "calibrate": ("calibrate runs/pets-20270131-090000 --accuracy 0.99",),
    "repeat": ("repeat recipe.yaml --seeds 0-4",),
    "search": ("search search.yaml --processes 2",),
    "explain": (
        "explain runs/pets-20270131-090000 --errors",
        "explain runs/pets-20270131-090000 cat.jpg --method grad_cam,layer_cam --target cat --against dog",
    ),
    "serve": ("serve runs/pets-20270131-090000",),
    "export": ("export runs/pets-20270131-090000 --to onnx",),
    "compare": ("compare runs/pets-20270131-090000 runs/pets-20270131-100000",),
    "check": ("check recipe.yaml --show",),
    "audit": ("audit recipe.yaml",),
    "preview": ("preview recipe.yaml",),
    "speed": ("speed recipe.yaml --minutes 2",),
    "lr-find": ("lr-find recipe.yaml --pick valley",),
    "list": ("list models", "list 'timm/resnet*'"),
    "info": ("info grad_cam",),
    "plugins": ("plugins --why timm",),
    "doctor": ("doctor",),
    "new-plugin": ("new-plugin acme --kind model",),
    "add": ("add explainer --name my_maps",),
    "schema": ("schema",),
    "data": ("data fetch cifar10",),
    "completion": ("completion bash >> ~/.bashrc", "completion fish > ~/.config/fish/completions/cvkit.fish"),
}
"""Command lines without ``cvkit``, by command."""


def epilog_of(command: str) -> str:
    """Return the last paragraph of the help of a command, whose lines click does not wrap."""
    lines = [f"cvkit {line}" for line in EXAMPLES.get(command, ())]
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in lines)]) if lines else ""


def epilog() -> str:
    """Return the last paragraphs of the help of cvkit itself."""
    start = ["cvkit new photos/", "cvkit run recipe.yaml", "cvkit COMMAND --help"]
    return "\n".join(["\b", "Start here:", *(f"  {line}" for line in start), "", f"Documentation: {DOCS}"])
