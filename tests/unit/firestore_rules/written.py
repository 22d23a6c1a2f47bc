"""Which collections the code names, read from its source."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = ("guardian", "functions", "cloud_run")
ASKING = {"collection", "collection_group"}


def collections() -> set[str]:
    """Names of all collections that are ever asked for. Raises AssertionError where one cannot be told."""
    modules = [
        (path, ast.parse(path.read_text()))
        for source in SOURCES
        for path in sorted((ROOT / source).rglob("*.py"))
        if "node_modules" not in path.parts
    ]
    return {name for path, tree in modules for name in _asked(path, tree, modules)}


def _asked(path: Path, tree: ast.Module, modules: list[tuple[Path, ast.Module]]) -> Iterator[str]:
    """Of the calls of one module. What a function is only handed, is looked for where that is called."""
    handing = dict.fromkeys(ASKING, 0)
    seen: set[str] = set()
    while names := [name for name in handing if name not in seen]:
        seen |= {*names}
        for function, call in _calls(tree, {*names}):
            name = _name(call)
            arguments = call.args[handing[name] :]
            if name in ASKING:
                arguments = arguments[::2]  # collection, document, collection, …
            elif arguments:
                arguments = arguments[:1]
            for argument in arguments:
                if isinstance(argument, ast.Name) and argument.id in (given := _parameters(function)):
                    assert function is not None
                    handing[function.name] = given.index(argument.id)
                elif isinstance(argument, ast.Attribute) and argument.attr == "collection":
                    yield from _of_writes(modules)
                else:
                    yield _value(path, argument)


def _of_writes(modules: list[tuple[Path, ast.Module]]) -> Iterator[str]:
    """What a `Write` is made for (its second field)."""
    for path, tree in modules:
        for _, call in _calls(tree, {"Write"}):
            yield _value(path, call.args[1])


def _calls(tree: ast.Module, names: set[str]) -> Iterator[tuple[ast.FunctionDef | None, ast.Call]]:
    """Calls of functions or methods of these names, each with the function that it stands in."""

    def walk(
        node: ast.AST, inside: ast.FunctionDef | None
    ) -> Iterator[tuple[ast.FunctionDef | None, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call) and _name(child) in names:
                yield inside, child
            yield from walk(child, child if isinstance(child, ast.FunctionDef) else inside)

    return walk(tree, None)


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _parameters(function: ast.FunctionDef | None) -> list[str]:
    """Without `self`."""
    if function is None:
        return []
    return [argument.arg for argument in function.args.args if argument.arg != "self"]


def _value(path: Path, argument: ast.expr) -> str:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    where = f"{path.relative_to(ROOT)}:{argument.lineno}"
    assert isinstance(argument, ast.Name), f"{where}: a collection that cannot be told from the source"
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    value = getattr(module, argument.id, None)
    assert isinstance(value, str), f"{where}: a collection that cannot be told from the source"
    return value
