"""A notebook's `parameters` cell: which keys it lists, and whether their values can be used."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import yaml

from lib.params import EXPERIMENTS, RUNS, ParameterError, Params, merge, read_yaml
from lib.paths import show


def check(namespace: dict[str, Any]) -> "Given":
    """Checks a notebook's parameters; call it right after the `parameters` cell with `globals()`.

    What the notebook lists in that cell (or papermill injected under it) is checked against `Params`. Keys that it does
    not list are taken from the run's file for the check only: a notebook may use only what it lists.

    Raises:
        ParameterError: as `load`.
    """
    listed, injected = _assigned(namespace)
    values = {name: namespace[name] for name in [*listed, *(name for name in injected if name not in listed)]}
    run = values.get("run", "demo")
    where = "the notebook's parameters"
    base = read_yaml(RUNS / f"{run}.yaml") if (RUNS / f"{run}.yaml").is_file() else read_yaml(RUNS / "demo.yaml")
    origin = {key: _defined_in(key, value, where) for key, value in values.items()}
    layers = [(f"params/runs/{run}.yaml", base)]
    layers += [(origin[key], {key: value}) for key, value in values.items()]
    checked = merge(layers)
    if injected == {"run"}:
        stale = [key for key in listed if key != "run" and key in base and values[key] != base[key]]
        if stale:
            raise ParameterError(
                f"run: '{run}' was set alone, so {', '.join(stale)} would keep the demo's values; "
                f"give the whole file: papermill ... -f params/runs/{run}.yaml"
            )
    return Given({name: getattr(checked, name) for name in listed})


class Given:
    """The parameters that a notebook lists, as attributes."""

    def __init__(self, values: dict[str, Any]):
        self.__dict__.update(values)

    def __getattr__(self, name: str):
        raise AttributeError(f"the notebook's parameters cell does not list '{name}'; add it there to use it")

    def __repr__(self) -> str:
        return "\n".join(f"{key:28} {value}" for key, value in vars(self).items())


def listed_in(notebook: Path) -> list[str]:
    """The names that a notebook's `parameters` cell assigns.

    Raises:
        ParameterError: the notebook has no cell with that tag, or several (papermill itself would only warn).
    """
    cells = [
        "".join(cell["source"])
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        if "parameters" in cell["metadata"].get("tags", [])
    ]
    if len(cells) != 1:
        raise ParameterError(f"{show(notebook)}: found {len(cells)} cells tagged `parameters`, expected one")
    names = _literal_assignments(cells[0])
    if names is None:
        raise ParameterError(f"{show(notebook)}: the `parameters` cell may only assign literals")
    unknown = [name for name in names if name not in Params.model_fields]
    if unknown:
        raise ParameterError(f"{show(notebook)}: {', '.join(unknown)}: not a parameter (lib/params.py lists them)")
    return list(names)


def _literal_assignments(source: str) -> dict[str, Any] | None:
    try:
        tree = ast.parse(source)
        return {
            statement.targets[0].id: ast.literal_eval(statement.value)
            for statement in tree.body
            if not isinstance(statement, ast.Expr)
        }
    except (SyntaxError, AttributeError, ValueError):
        return None


def _assigned(namespace: dict[str, Any]) -> tuple[list[str], set[str]]:
    """Names from the cells that hold only literals: those listed by the notebook, and those papermill injected."""
    listed, injected = [], set()
    for source in namespace.get("In", []):
        names = _literal_assignments(source) or {}
        if re.match(r"#\s*Parameters\s*\n", source):
            injected |= set(names)
        else:
            listed += [name for name in names if name not in listed]
    if not listed:
        raise ParameterError("the notebook's `parameters` cell was not run; run the cells from the top")
    return listed, injected


def _defined_in(key: str, value: Any, fallback: str) -> str:
    """The parameter file that holds an unknown key with this value, for the message; else `fallback`."""
    if key in Params.model_fields:
        return fallback
    for path in sorted(RUNS.glob("*.yaml")) + sorted(EXPERIMENTS.glob("*.yaml")):
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError:
            continue
        if key in found and found[key] == value:
            return show(path)
    return fallback
