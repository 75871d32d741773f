"""Parameters of a run and of an experiment: read, merged, checked.

`params/runs/<run>.yaml` holds every choice of a run, `params/experiments/<ID>.yaml` only what makes that row of Table 1
different. Both are flat, so that papermill's `-f run.yaml -f experiment.yaml` merges them key by key. `Params` is the
one place that says which keys exist and what they may hold; notebooks (`check`) and the Snakefile check against it.
"""

import ast
import difflib
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from lib.paths import NOTEBOOKS, RESERVED, ROOT, show

RUNS = ROOT / "params" / "runs"
EXPERIMENTS = ROOT / "params" / "experiments"
STUDIES = ROOT / "params" / "studies"

Reading = Literal["as_described", "as_published"]
Share = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[float, Field(ge=0.01, le=0.8)]
Count = Annotated[int, Field(ge=1, le=10_000)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Rate = Annotated[float, Field(gt=0, lt=1)]
# What folders are named after: no separator, no dot, nothing that a shell or Snakemake reads as a sign
RUN_NAME, ROW_NAME = r"[a-z0-9][a-z0-9_-]{0,63}", r"[A-Z]{1,8}[0-9]{1,4}(-[A-Za-z0-9_]{1,32}){0,4}"
TRIAL = "-trial_"
"""Stands in the name of a search's trial, which no file in params/experiments has and which has no page of its own."""

Run = Annotated[str, Field(pattern=f"^{RUN_NAME}$")]
Row = Annotated[str, Field(pattern=f"^{ROW_NAME}$")]
Text = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ParameterError(ValueError):
    """A key or value of the parameters that cannot be used; the message is one line per problem."""


class Params(BaseModel):
    """Every parameter that a run or an experiment may set. Units and sources stand in `params/runs/paper.yaml`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    # The run and its data
    run: Run
    data: Text  # "phantoms", or the folder that holds covidx-sources/ and/or covidx-lists/, and ham10000/
    covidx_layout: Literal["sources", "lists"]
    label_rules: Literal["report", "covidnet"]
    image_size: Annotated[int, Field(ge=32, le=1024, multiple_of=16)]
    resizing: Reading
    split_seed: Seed
    test_share: Part
    validation_share: Part
    max_unreadable: Share
    drop_cross_split_duplicates: bool
    near_duplicate_bits: Annotated[int, Field(ge=0, le=64)]
    phantom_images: Annotated[int, Field(ge=60, le=100_000)]
    phantom_skin_images: Annotated[int, Field(ge=70, le=100_000)]
    phantom_size: Annotated[int, Field(ge=64, le=1024)]
    phantom_marker: Share
    phantom_seed: Seed

    # Which rows, how often
    experiments: Annotated[list[Row], Field(min_length=1, max_length=10_000)]
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=10_000)]
    trials: Annotated[int, Field(ge=1, le=999)]
    search_seed: Seed

    # Training (sections 4.2 and 4.3)
    epochs: Count
    scratch_epochs: Count
    fine_tuning_epochs: Count
    learning_rate: Rate
    scratch_learning_rate: Rate
    fine_tuning_learning_rate: Rate
    learning_rate_decay: Literal["none", "cosine"]
    batch_size: Count
    l2: Annotated[float, Field(ge=0, le=100)]
    batch_norm_momentum: Annotated[float, Field(ge=0, lt=1)]
    fine_tuning_from: Reading
    brightness: Reading
    imagenet_weights: Text  # "imagenet", "stand_in", or a weights file
    ham10000_weights: Text  # "notebook", or a weights file
    pretraining_epochs: Count

    # Hardware
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"]
    jit_compile: bool
    strategy: Literal["auto", "one_device", "mirrored"]
    instruction_set: Literal["avx2", "native"]
    threads: Annotated[int, Field(ge=0, le=1024)]
    deterministic: bool
    cache_activations: bool

    # Evaluation and explanation
    bootstrap_samples: Annotated[int, Field(ge=100, le=1_000_000)]
    explained_experiment: Row
    ig_steps: Count
    ig_steps_reference: Count
    grad_cam: Reading
    grad_cam_cells: Annotated[int, Field(ge=1, le=56)]
    integrated_gradients: Reading
    explained_images: Count
    steps_images: Count
    own_image: Text

    # What makes an experiment (Table 1's columns); a run file does not set these
    experiment: Row = "RN4"
    backbone: Literal["resnet50v2", "covidnet"] = "resnet50v2"
    pretraining: Literal["imagenet", "ham10000", "none"] = "none"
    class_weights: bool = True
    augmentation: bool = False
    rotation_range: Annotated[float, Field(ge=0, le=180)] = 10.0  # degrees
    shift_range: Share = 0.10  # of the side
    zoom_range: Annotated[float, Field(ge=0, le=0.9)] = 0.15
    horizontal_flip: bool = True
    brightness_range: Share = 0.10
    fill_mode: Literal["constant", "nearest", "reflect"] = "constant"
    fine_tuning: bool = False
    fine_tuning_start: str = ""  # the first layer that a fine-tuned row trains
    # the row whose linear classifier this fine-tuned row starts from; empty trains from pretrained weights at once
    continues: Row | Literal[""] = ""
    pepx: Reading = "as_published"
    shortcuts: Reading = "as_published"
    classifier_l2: Reading = "as_published"
    view: Literal["full", "centre_black", "border", "lungs_only", "lungs_removed", "framed", "boxed_out"] = "full"
    left_out: Annotated[str, Field(pattern=r"^[a-z0-9]{0,32}$")] = ""  # a source that no training sees
    diverging: Literal["stop", "keep"] = "stop"
    seed: Seed = 1

    @model_validator(mode="after")
    def _consistent(self):
        if self.fine_tuning and self.pretraining == "none":
            raise ValueError("fine_tuning: true needs pretraining (imagenet or ham10000)")
        if self.continues and not self.fine_tuning:
            only = "only a row with fine_tuning: true continues another"
            raise ValueError(f"continues: found '{self.continues}'; {only}")
        if self.fine_tuning and not self.fine_tuning_start:
            raise ValueError("fine_tuning: true needs `fine_tuning_start: <the first layer that is trained>`")
        if self.fine_tuning_start and not self.fine_tuning:
            only = "only a row with fine_tuning: true has one"
            raise ValueError(f"fine_tuning_start: found {short(self.fine_tuning_start)}; {only}")
        drawn = (self.rotation_range, self.shift_range, self.zoom_range, self.horizontal_flip, self.brightness_range)
        if self.augmentation and not any(drawn) and self.brightness == "as_described":
            none = "every range is 0 and horizontal_flip false"
            raise ValueError(f"augmentation: true would change no image: {none}; set one, or augmentation: false")
        for name in ("experiments", "seeds"):
            values = getattr(self, name)
            if twice := sorted({one for one in values if values.count(one) > 1}):
                found = short(", ".join(map(str, twice)), str)
                raise ValueError(f"{name}: found {found} twice; every one may stand once")
        if self.run in RESERVED:
            raise ValueError(f"run: found '{self.run}'; reserved for other folders: {', '.join(RESERVED)}")
        for row in {*self.experiments, self.explained_experiment, self.experiment}:
            if re.search("-seed[0-9]+$", row):  # named after the folders of repetitions
                raise ValueError(f"experiments: found '{row}'; no row's name ends in -seed and a number: set `seeds`")
        if self.seeds[0] != 1:
            raise ValueError(f"seeds: {short(self.seeds)}: the first must be 1; the others repeat the rows beside it")
        return self


NO_FILES = {
    "data": ("phantoms",),
    "own_image": ("example",),
    "imagenet_weights": ("imagenet", "stand_in"),
    "ham10000_weights": ("notebook",),
}
"""Parameters that name a file or folder of the user's, and their words that stand for none."""

EXPERIMENT_KEYS = frozenset(name for name, field in Params.model_fields.items() if not field.is_required())
ROWS_ALIKE = ("run", "image_size", "seed")
"""What notebook 04 takes and a row's file may not set: a run's rows have one size of images, and each all `seeds`."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain values (its core schema): 1e-4 is a number, no and 1:30 are text. PyYAML keeps to 1.1.

    Aliases are refused, since a few of them can stand for endless text, and so are tags, whose values go unchecked.
    """

    yaml_implicit_resolvers: ClassVar = {}

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            found = "found an alias (*name) or a tag (!name); write the value itself"
            raise yaml.composer.ComposerError(None, None, found, event.start_mark)
        return super().compose_node(parent, index)


for _tag, _plain, _starts in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?[0-9]+", [*"-+0123456789"]),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", [*"-+.0123456789"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_plain})$"), _starts)


def parse_yaml(text: str) -> Any:
    """The value of a YAML document.

    Raises:
        ValueError: with one line that says what is wrong.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError, OverflowError, ValueError) as error:  # the last of a number too long
        raise ValueError(f"not readable as YAML: {short(' '.join(str(error).split()), str)}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The flat mapping in a YAML file.

    Raises:
        ParameterError: the file is missing or none, is not YAML, holds no mapping, or sets a key twice.
    """
    path = Path(path)
    if os.path.lexists(path) and not path.is_file():
        found = "a folder" if path.is_dir() else "a pipe or device" if path.exists() else "a link to no file"
        raise ParameterError(f"{show(path)}: found {found}, expected a file; put one in its place")
    if not path.is_file():
        beside = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        raise ParameterError(f"{show(path)}: no such file; found beside it: {beside}. Copy one of them to this name.")
    try:
        text = path.read_text(encoding="utf-8")
        values = parse_yaml(text)
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start} is no UTF-8 ({error.reason})"
        raise ParameterError(f"{show(path)}: {wrong}; save the file in the encoding UTF-8") from None
    except (ValueError, OSError) as error:
        raise ParameterError(f"{show(path)}: {error}") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{show(path)}: expected `key: value` lines, found {type(values).__name__}")
    keys = [node[0].value for node in yaml.compose(text, _Loader).value]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ParameterError(f"{show(path)}: {short(', '.join(twice), str)}: set twice; keep one line")
    return values


def load(run: str, experiment: str | None = None, overrides: dict[str, Any] | None = None) -> Params:
    """The checked parameters of a run, or of one experiment in it.

    Args:
        run: name of a file in params/runs, without `.yaml`.
        experiment: name of a file in params/experiments, without `.yaml`.
        overrides: single values that win over both files (the front door's SET).

    Raises:
        ParameterError: one line per problem, naming key, file, what was found and what is allowed.
    """
    overrides = overrides or {}
    layers = [(show(path), read_yaml(path)) for path in files_of(named(run, Run, "run"), RUNS)]
    files = {"run": (layers[-1][0], run)}
    if experiment is not None:
        own = set(listed_in(NOTEBOOKS / "04_experiment.ipynb")) - set(ROWS_ALIKE)
        for path in files_of(named(experiment, Row, "experiment"), EXPERIMENTS):
            values = read_yaml(path)
            if of_run := [key for key in values if key in Params.model_fields.keys() - own]:
                remedy = f"belongs to a run: set it in params/runs/{run}.yaml or in SET"
                raise ParameterError(f"{show(path)}: {of_run[0]}: found {short(values[of_run[0]])}; {remedy}")
            layers.append((show(path), values))
        files["experiment"] = (layers[-1][0], experiment)
    checked = merge([*layers, ("SET", overrides)])
    for key, (where, name) in files.items():
        found = getattr(checked, key)
        if found != name:
            raise ParameterError(f"{where}: {key}: found '{found}', expected '{name}', the file's name")
    if checked.continues:
        _check_continued(checked.experiment, checked.continues, overrides)
    return checked


def files_of(name: str, folder: Path) -> list[Path]:
    """The file of a row or run, after that of which it is a variant: `RN7-border` holds what differs from RN7.

    Args:
        name: of the row or run.
        folder: `EXPERIMENTS` or `RUNS`.
    """
    found = [folder / f"{one}.yaml" for one in dict.fromkeys([name.partition("-")[0], name])]
    return [path for path in found[:-1] if path.is_file()] + found[-1:]


def of_row(row: str) -> dict[str, Any]:
    """What the files of a row set. Raises ParameterError as `read_yaml`."""
    return {key: value for path in files_of(row, EXPERIMENTS) for key, value in read_yaml(path).items()}


def of_run(run: str) -> dict[str, Any]:
    """What the files of a run set. Raises ParameterError as `read_yaml`."""
    return {key: value for path in files_of(run, RUNS) for key, value in read_yaml(path).items()}


def studies() -> list[str]:
    """The names of params/studies."""
    return sorted(file.stem for file in STUDIES.glob("*.yaml"))


def study(name: str) -> dict[str, Any]:
    """What params/studies/<name>.yaml holds.

    Returns:
        Its `notebooks`; `compared_with`, rows that it needs of the run; and those that it trains beside a run's:
        `rows` or, of a search, `space`, from which `lib.training.search.draw_trials` draws them.

    Raises:
        ParameterError: there is no such study, or its file holds something else.
    """
    path = STUDIES / f"{name}.yaml"
    if name not in studies():
        raise ParameterError(f"STUDY: found {short(name)}, expected {' or '.join(studies())}")
    found = read_yaml(path)
    for key in ("compared_with", "notebooks", *(["rows"] if "space" not in found else [])):
        if not isinstance(found.get(key), list) or not found[key]:
            raise ParameterError(f"{show(path)}: {key}: found {short(found.get(key))}, expected a list of names")
        found[key] = [named(one, Row if key != "notebooks" else Text, f"{show(path)}: {key}") for one in found[key]]
    return {"rows": [], "space": {}} | found


def _check_continued(row: str, parent: str, overrides: dict[str, Any]) -> None:
    """Raises ParameterError unless the row continues another one that is there and is not fine-tuned itself."""
    where = f"{show(EXPERIMENTS / f'{row}.yaml')}: continues"
    expected = "expected a row that trains its classifier alone"
    if parent == row:
        raise ParameterError(f"{where}: found '{parent}', the row itself; {expected}")
    try:
        its = of_row(parent) | overrides
    except ParameterError as error:
        raise ParameterError(f"{where}: found '{parent}'; {error}") from None
    if its.get("fine_tuning") or its.get("continues"):
        raise ParameterError(f"{where}: found '{parent}', fine-tuned itself; {expected}")


def named(name: str, kind: Any, key: str) -> str:
    """The name, if it is one: folders and files are named after it.

    Args:
        name: of a run or a row.
        kind: `Run` or `Row`.
        key: stands before the message.

    Raises:
        ParameterError: with what was found and what is allowed.
    """
    try:
        return TypeAdapter(kind).validate_python(name, strict=True)
    except ValidationError as error:
        raise ParameterError(f"{key}: found {short(name)}; {_allowed(error.errors()[0])}") from None


def merge(layers: list[tuple[str, dict[str, Any]]]) -> Params:
    """Merges (where it comes from, values) pairs key by key, later ones winning, and checks the result."""
    merged, origin = {}, {}
    for where, values in layers:
        merged.update(values)
        origin.update(dict.fromkeys(values, where))
    try:
        return Params.model_validate(merged)
    except ValidationError as error:
        problems = [_explain(problem, origin, layers[0][0]) for problem in error.errors()]
        raise ParameterError("\n".join(problems)) from None


def _explain(problem: dict[str, Any], origin: dict[str, str], base: str) -> str:
    """One line: the file, the key, what was found, and, mostly in pydantic's words, what is allowed."""
    key = str(problem["loc"][0]) if problem["loc"] else ""
    where, found = origin.get(key, base), problem["input"]
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, Params.model_fields, n=3, cutoff=0.5)
        allowed = f"did you mean {' or '.join(near)}?" if near else f"allowed keys: {', '.join(Params.model_fields)}"
        return f"{where}: {short(key, str)}: unknown key (found {short(found)}); {allowed}"
    if problem["type"] == "missing":
        return f"{where}: {key}: missing; params/runs/paper.yaml shows what it may hold"
    if problem["type"] == "value_error":
        message = str(problem["ctx"]["error"])
        return f"{origin.get(message.partition(':')[0], base)}: {message}"
    return f"{where}: {key}: found {short(found)}; {_allowed(problem)}"


PATTERNS = {
    f"^{RUN_NAME}$": "a run's name: small letters, digits, - and _, such as demo or my-run",
    f"^{ROW_NAME}$": "a row's name: capitals and a number, then -words, such as RN3 or CN1-described",
}
"""What stands for a pattern in a message."""


def _allowed(problem: dict[str, Any]) -> str:
    """What is allowed: mostly in pydantic's words."""
    if problem["type"] == "string_pattern_mismatch":
        return f"should be {PATTERNS.get(problem['ctx']['pattern'], 'one line of text')}"
    return problem["msg"].removeprefix("Input ")


def short(found: Any, written: Callable[[Any], str] = repr) -> str:
    """What was found as a message shows it: its first 200 letters."""
    text = written(found)
    return text if len(text) <= 200 else f"{text[:200]} ... ({len(text):,} characters)"


def check(namespace: dict[str, Any]) -> "Given":
    """Checks a notebook's parameters; call it right after the `parameters` cell with `globals()`.

    What the notebook lists in that cell (or papermill injected under it) is checked against `Params`. Keys that it does
    not list are taken from the run's file for the check only: a notebook may use only what it lists.

    Raises:
        ParameterError: as `load`.
    """
    listed, injected = _assigned(namespace)
    values = {name: namespace[name] for name in dict.fromkeys([*listed, *injected])}
    run = values.get("run", "demo")
    base = of_run(run if (RUNS / f"{run}.yaml").is_file() else "demo")
    layers = [(_defined_in(key, value), {key: value}) for key, value in values.items()]
    checked = merge([(f"params/runs/{run}.yaml", base), *layers])
    stale = [key for key in listed if key != "run" and key in base and values[key] != base[key]]
    if injected == {"run"} and stale:
        raise ParameterError(
            f"run: '{run}' was set alone, so {', '.join(stale)} would keep the demo's values; "
            f"give the whole file: papermill ... -f params/runs/{run}.yaml"
        )
    return Given(**{name: getattr(checked, name) for name in listed})


class Given(SimpleNamespace):
    """The parameters that a notebook lists, as attributes."""

    def __getattr__(self, name: str):
        raise AttributeError(f"the notebook's parameters cell does not list '{name}'; add it there to use it")

    def __repr__(self) -> str:
        return "\n".join(f"{key:28} {value}" for key, value in vars(self).items())


def listed_in(notebook: Path) -> list[str]:
    """The names that a notebook's `parameters` cell assigns.

    Raises:
        ParameterError: the notebook has no cell with that tag, or several (papermill itself would only warn).
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tagged = ["".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise ParameterError(f"{show(notebook)}: found {len(tagged)} cells tagged `parameters`, expected one")
    names = _literal_assignments(tagged[0])
    if names is None:
        raise ParameterError(f"{show(notebook)}: the `parameters` cell may only assign literals")
    unknown = [name for name in names if name not in Params.model_fields]
    if unknown:
        raise ParameterError(f"{show(notebook)}: {', '.join(unknown)}: not a parameter (lib/params.py lists them)")
    return names


def _literal_assignments(source: str) -> list[str] | None:
    """Names of a cell that does nothing but assign literals, one or several a line; None for another cell."""
    try:
        statements = [part for part in ast.parse(source).body if not isinstance(part, ast.Expr)]
        for statement in statements:
            ast.literal_eval(statement.value)
        targets = [statement.targets[0] for statement in statements]
        return [name.id for target in targets for name in getattr(target, "elts", [target])]
    except (SyntaxError, AttributeError, ValueError):
        return None


def _assigned(namespace: dict[str, Any]) -> tuple[list[str], set[str]]:
    """Names from the cells that hold only literals: those listed by the notebook, and those papermill injected."""
    listed, injected = {}, set()
    for source in namespace.get("In", []):
        names = _literal_assignments(source) or []
        if re.match(r"#\s*Parameters\s*\n", source):
            injected.update(names)
        else:
            listed.update(dict.fromkeys(names))
    if not listed:
        raise ParameterError("the notebook's `parameters` cell was not run; run the cells from the top")
    return list(listed), injected


def _defined_in(key: str, value: Any) -> str:
    """Where a notebook's value comes from, for a message: an unknown key from the parameter file that holds it."""
    if key not in Params.model_fields:
        for path in [*sorted(RUNS.glob("*.yaml")), *sorted(EXPERIMENTS.glob("*.yaml"))]:
            with suppress(ParameterError):
                if read_yaml(path).get(key) == value:
                    return show(path)
    return "the notebook's parameters"
