"""Write docs/components.md: every built-in component with its options, as the code declares them.

python docs/generate.py, or make docs
"""

from __future__ import annotations

import json
from pathlib import Path

from cvkit import KINDS, discover
from cvkit.recipe import describe
from cvkit.registry import Entry
from cvkit.signature import Option

PAGE = Path(__file__).parent / "components.md"
BUILT_IN = "cvkit-core"


def render() -> str:
    """Return the page's text."""
    lines = [
        "# Components",
        "",
        "Every component that comes with cvkit. `make docs` writes this page from the code; "
        "`cvkit list` and `cvkit info ID` say the same of every plugin installed.",
    ]
    catalog = discover()
    for kind in KINDS.values():
        lines += ["", f"## {kind.name.capitalize()}", "", f"Each makes {kind.returns}."]
        for entry in catalog[kind.name].entries():
            if entry.origin.distribution == BUILT_IN:
                lines += ["", *describe_entry(entry)]
    return "\n".join(lines) + "\n"


def describe_entry(entry: Entry) -> list[str]:
    """Return a component's section: summary, options, documentation."""
    signature = entry.signature()
    lines = [f"### `{entry.id}`", "", f"{entry.component.summary}."]
    if entry.component.is_family:
        lines += ["", f"{len(entry.members()):,} members, by name."]
    if signature.options:
        lines += [
            "",
            "| option | type | default |",
            "| --- | --- | --- |",
            *map(option_row, signature.options.values()),
        ]
    # The first line of a docstring says what the factory does; the rest documents the options.
    _, _, rest = signature.doc.partition("\n\n")
    return lines + (["", rest.replace("``", "`")] if rest else [])


def option_row(option: Option) -> str:
    """Return the row of an option, its default as a recipe would write it; a bare bar would end the cell."""
    default = "required" if option.required else f"`{json.dumps(option.default)}`"
    return f"| `{option.name}` | {describe(option.type).replace('|', chr(92) + '|')} | {default} |"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
