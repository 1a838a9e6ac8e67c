"""Signatures: what a factory takes, from its source, without importing it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from cvkit.errors import PluginError
from cvkit.host.discovery import discover
from cvkit.signatures.nested import nests
from cvkit.signatures.signature import MISSING, Expression, read_signature, split_target

FACTORY = '''
from __future__ import annotations
from typing import Annotated, Literal
from pydantic import Field, PositiveInt

Padding = Literal["reflect", "constant"]

def crop(info, size=3, *, padding: PositiveInt = 4, mode: Padding = "reflect",
         p: Annotated[float, Field(ge=0, le=1)], shape: tuple[int, int] = (2, -1), **options):
    """Cut a piece out.

    Raises `ValueError` where it does not fit.
    """
'''


def entries() -> list[Any]:
    """Every component that is installed, for tests that hold for all of them."""
    return [entry for entry in discover().entries() if entry.origin.distribution == "cvkit-core"]


def test_signature_tells_what_is_supplied_and_what_may_be_set(package):
    """Positional parameters are the run's, keyword-only ones the recipe's, with type and default each."""
    name = package(crop=FACTORY)
    signature = read_signature(f"{name}.crop:crop")
    assert signature.positional == ("info", "size")
    assert signature.accepts_extra
    assert signature.doc == "Cut a piece out.\n\nRaises `ValueError` where it does not fit."
    assert signature.file.endswith("crop.py")
    assert signature.line == 8
    padding, mode, p, shape = signature.options.values()
    assert (padding.name, padding.annotation, padding.default) == ("padding", "PositiveInt", 4)
    assert (mode.annotation, mode.type, mode.default) == ("Padding", Literal["reflect", "constant"], "reflect")
    assert (p.default, p.required, p.literal) == (MISSING, True, False)
    assert (shape.default, shape.required, shape.literal) == ((2, -1), False, True)
    with pytest.raises(ValidationError):
        TypeAdapter(p.type).validate_python(2)


def test_signature_is_read_without_importing_the_module(package):
    """A factory's module may be heavy, or have side effects: neither shows while a recipe is checked."""
    name = package(heavy="import torch\nraise RuntimeError('imported')\ndef net(info, *, width: int = 8): ...")
    assert list(read_signature(f"{name}.heavy:net").options) == ["width"]
    assert not any(module.startswith(name) for module in sys.modules)


def test_signature_of_every_built_in_is_read_without_torch():
    """All that is installed can be described in a fresh interpreter that never loads torch or numpy."""
    code = """if True:
        import sys
        from cvkit.host.discovery import discover
        for entry in discover().entries():
            if entry.component.is_family:
                entry = discover()[entry.kind.name].find(f"{entry.origin.plugin}/{entry.members()[0]}")
            assert entry.signature().doc, entry.id
        print({"torch", "numpy", "torchvision", "timm", "kornia"} & set(sys.modules))
        """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
def test_signature_read_from_source_is_the_imported_one(entry):
    """For every built-in, the source says just what Python's own inspection of the imported factory says."""
    own = read_signature(entry.component.target)
    factory = entry.load()
    parameters = inspect.signature(factory).parameters.values()
    assert own.positional == tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    assert own.accepts_extra == any(p.kind is p.VAR_KEYWORD for p in parameters)
    set_by_recipe = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert list(own.options) == [p.name for p in set_by_recipe]
    for option, parameter in zip(own.options.values(), set_by_recipe, strict=True):
        assert option.default == (MISSING if parameter.default is parameter.empty else parameter.default)
        written = parameter.annotation
        if nests(option.type):  # read from source, the class of a nested data set is not imported
            assert written in ("Splits", "tuple[Splits, ...]")
            continue
        names = vars(sys.modules[factory.__module__])  # a factory may be a class
        type_ = eval(written, names) if isinstance(written, str) else written
        assert TypeAdapter(option.type).json_schema() == TypeAdapter(type_).json_schema()


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
def test_built_in_takes_what_its_kind_supplies(entry):
    """A built-in's positional parameters are those its kind promises, a family's after the member's name."""
    assert entry.kind.can_supply(entry.signature().positional)


@pytest.mark.parametrize(
    ("declaration", "target"),
    [
        ("from .net import net", "net"),
        ("from .net import net as small", "small"),
        ("from .net import *", "net"),
        ("from . import net\nfrom {0}.net import net", "net"),
        ("from .onward import renamed", "renamed"),
        ("def net(info, *, old): ...\nfrom .net import net", "net"),
        ("if TYPE_CHECKING:\n    from .net import net", "net"),
    ],
)
def test_names_imported_from_elsewhere_are_followed(package, folder, declaration, target):
    """A factory may be re-exported in any of the ways Python has, and the last definition counts."""
    name = package(
        net="raise RuntimeError('imported')\ndef net(info, *, width: int = 8): ...",
        onward="from .net import net as renamed",
    )
    (folder / name / "__init__.py").write_text(declaration.format(name))
    signature = read_signature(f"{name}:{target}")
    assert list(signature.options) == ["width"]
    assert signature.file.endswith("net.py")


def test_relative_imports_climb(package, folder):
    """Two dots from a module in a sub-package mean its parent."""
    name = package(net="def net(info, *, width: int = 8): ...")
    (folder / name / "deep").mkdir()
    (folder / name / "deep" / "__init__.py").write_text("from ..net import net")
    (folder / name / "deep" / "module.py").write_text("from ..net import net\nfrom . import net as package_net")
    for target in ("deep:net", "deep.module:net", "deep.module:package_net"):
        assert list(read_signature(f"{name}.{target}").options) == ["width"]


def test_circular_imports_end_in_an_error(package):
    """Two modules that each say the other defines a name leave it undefined."""
    name = package(a="from .b import net", b="from .a import net")
    with pytest.raises(PluginError, match="ImportError") as caught:
        read_signature(f"{name}.a:net")
    assert f"'{name}.a:net'" in str(caught.value)


def test_types_named_in_another_module_of_the_package_are_followed(package):
    """`Padding | int` keeps its text members wherever in the package `Padding` is defined."""
    name = package(
        types="from typing import Literal, TypeAlias\n"
        "Edge = Literal['reflect', 'constant']\nPadding: TypeAlias = 'Edge | None'",
        crop="from .types import Padding\ndef crop(info, *, padding: Padding | int = 4, fill: int | Tensor = 1): ...",
    )
    padding, fill = read_signature(f"{name}.crop:crop").options.values()
    assert padding.type == Literal["reflect", "constant"] | None | int
    assert fill.type is int


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the `type` statement is from Python 3.12 on")
def test_type_statement_names_a_type(package):
    """The newest way to name a type is read as the older ones."""
    name = package(crop="type Edge = bool | None\ndef crop(info, *, edge: Edge = None): ...")
    assert read_signature(f"{name}.crop:crop").options["edge"].type == bool | None


CLASSES = """
from dataclasses import dataclass
from typing import NamedTuple
from .base import Base
import collections

class Own:
    '''Has its own.'''
    def __init__(self, info, *, width: int = 8): ...

class Inherited(Own):
    '''Inherits it.'''

class Imported(Base):
    def forward(self, images): ...

class Nearest(Imported, Own):
    pass

class Overloaded:
    @overload
    def __init__(self, info, *, depth: int): ...
    def __init__(self, info, *, width: int = 8): ...
"""


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("Own", ["width"]),
        ("Inherited", ["width"]),
        ("Imported", ["edge"]),
        ("Nearest", ["edge"]),
        ("Overloaded", ["width"]),
    ],
)
def test_class_takes_what_its_initialiser_takes(package, target, options):
    """Its own `__init__` or the nearest inherited one, whose types are those of the module it stands in."""
    name = package(
        classes=CLASSES + "\nraise RuntimeError('imported')\n",
        base="Edge = bool\nclass Base:\n    def __init__(self, info, *, edge: Edge = False): ...",
    )
    signature = read_signature(f"{name}.classes:{target}")
    assert signature.positional == ("info",)
    assert list(signature.options) == options
    assert {option.type for option in signature.options.values()} <= {int, bool}


IMPORTED = """
import collections, functools
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

def _net(info, width: int, *, depth: int = 2): "A net."
partial = functools.partial(_net, depth=3)

@dataclass
class Data:
    info: object
    _: KW_ONLY
    width: int = 8

class Attribute(collections.UserDict): ...

class Bare: ...

class Made:
    def __new__(cls, info, *, width: int = 8): return object.__new__(cls)

async def later(info, *, width: int = 8): ...

class Net(Bare): ...
from collections import UserList as Net
class Net(Net): ...

def hidden(info, *, old): ...
hidden = functools.wraps(_net)(hidden)

def __getattr__(name):
    if name == "dynamic": return _net
    raise AttributeError(name)
"""


@pytest.mark.parametrize(
    ("target", "supplied", "options"),
    [
        ("partial", ("info", "width"), ["depth"]),
        ("Data", ("info",), ["width"]),
        ("Bare", (), []),
        ("Made", ("info",), ["width"]),
        ("later", ("info",), ["width"]),
        ("hidden", ("info", "width"), ["depth"]),
        ("dynamic", ("info", "width"), ["depth"]),
        ("Net", ("initlist",), []),
    ],
)
def test_target_is_imported_where_the_source_does_not_tell(package, target, supplied, options):
    """Data classes, partials, dynamic attributes and the like are inspected as Python made them."""
    name = package(factories=IMPORTED)
    signature = read_signature(f"{name}.factories:{target}")
    assert f"{name}.factories" in sys.modules
    assert signature.positional == supplied
    assert list(signature.options) == options
    assert all(option.type is int for option in signature.options.values())


def test_compiled_target_is_imported():
    """A factory without any source in Python still has a signature."""
    signature = read_signature("zlib:compress")
    assert signature.positional[0].endswith("data")
    assert "compress" in signature.doc.casefold()


def test_annotation_only_checkers_can_tell_is_any_after_importing(package):
    """A name that exists for type checkers only neither fails nor hides what the other annotations say."""
    name = package(
        factories="from __future__ import annotations\nimport functools\n"
        "@functools.cache\ndef _net(info, *, layer: Tensor = None, width: int = 8): ...\nnet = _net"
    )
    layer, width = read_signature(f"{name}.factories:net").options.values()
    assert (layer.annotation, layer.type) == ("Tensor", Any)
    assert (width.annotation, width.type) == ("int", int)


def test_decorated_function_takes_what_is_written(package):
    """A decorator is trusted to keep the signature, so that reading stays light."""
    name = package(net="@register.model(name='net')\ndef net(info, *, width: int = 8): ...")
    assert list(read_signature(f"{name}.net:net").options) == ["width"]


@pytest.mark.parametrize(
    ("default", "value"),
    [
        ("Resample.BILINEAR", Expression("Resample.BILINEAR")),
        ("2 * SIZE", Expression("2 * SIZE")),
        ("{[1]: 2}", Expression("{[1]: 2}")),
        ("-1e-3", -0.001),
        ("None", None),
        ("[1, (2, 3)]", [1, (2, 3)]),
    ],
)
def test_default_is_its_value_or_its_source(package, default, value):
    """A literal default is the value itself; any other is shown as written, and not executed."""
    name = package(net=f"def net(info, *, option={default}): ...")
    option = read_signature(f"{name}.net:net").options["option"]
    assert (option.default, type(option.default)) == (value, type(value))
    assert option.literal == (not isinstance(value, Expression))


def test_positional_options_are_options_on_request(package):
    """Other libraries' classes take their options by position as well."""
    name = package(net="class Jitter:\n    def __init__(self, amount, same: bool = False, *, p: float = 1.0): ...")
    signature = read_signature(f"{name}.net:Jitter", positional_options=True)
    assert signature.positional == ()
    assert [(option.name, option.default) for option in signature.options.values()] == [
        ("amount", MISSING),
        ("same", False),
        ("p", 1.0),
    ]


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("", "AttributeError"),
        ("net = 3", "TypeError: 3 is not a callable object"),
        ("raise OSError('no library')", "OSError: no library"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def net(:", "SyntaxError"),
    ],
)
def test_target_that_cannot_be_read_says_why(package, source, cause):
    """Whatever happens when the module is imported ends as an error that names the target."""
    name = package(broken=source)
    with pytest.raises(PluginError, match=cause) as caught:
        read_signature(f"{name}.broken:net")
    assert f"'{name}.broken:net'" in str(caught.value)


def test_missing_module_is_an_error(wording):
    """A module that is not installed is named."""
    with pytest.raises(PluginError, match="'nowhere_at_all'") as caught:
        read_signature("nowhere_at_all.net:net")
    assert str(caught.value) == wording


@pytest.mark.parametrize("target", ["net", "package.net", "package:", ":net", "package:a.b", "a-b:net", "a..b:c", ""])
def test_target_must_name_a_module_and_an_attribute(target):
    """Anything but ``package.module:attribute`` is refused before it is looked for."""
    with pytest.raises(PluginError, match=f"'{target}'"):
        split_target(target)


def test_target_is_split_at_its_colon():
    """The module before, the attribute behind."""
    assert split_target("package.module:attribute") == ("package.module", "attribute")
