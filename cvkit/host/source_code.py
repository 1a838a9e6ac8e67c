"""The source code of a component: the package that it is in, and a digest that changes with it."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path


def package_of(target: str) -> Path | None:
    """Return the folder of the top-level package of a target, or the file of a module; None if there is no source.

    In a namespace package, return the first regular package or module below it.
    """
    top, *rest = target.partition(":")[0].split(".")
    try:
        spec = find_spec(top)
    except ValueError:  # the module exists only in memory, for example in a notebook
        return None
    if spec is None:
        return None
    if spec.origin is not None:
        origin = Path(spec.origin)
        return (origin.parent if origin.name == "__init__.py" else origin) if origin.suffix == ".py" else None
    for location in map(Path, spec.submodule_search_locations or ()):
        for part in rest:
            location /= part
            if (location / "__init__.py").is_file():
                return location
        if (module := location.with_suffix(".py")).is_file():
            return module
    return None


def source_digest(package: Path) -> str:
    """Return the SHA-256, in hexadecimal, of the Python files of a package folder, or of a module's file.

    The digest covers each file's path within the package and its bytes, in the order of the paths. It skips hidden
    files, which editors leave behind, and files that cannot be read.
    """
    digest = hashlib.sha256()
    files = {file.relative_to(package).as_posix(): file for file in package.rglob("*.py")} or {package.name: package}
    for name, file in sorted(files.items()):
        if file.name.startswith(".") or not file.is_file():
            continue
        try:
            content = file.read_bytes()
        except OSError:
            continue
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
