"""A small run as the DAG leaves it: executed notebooks, tables and figures, with hostile labels in its data."""

import base64
import io
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from PIL import Image

from lib import files, paths

EVIL = "<script>alert('label')</script>"
EVIL_IMAGE = '<img src=x onerror="alert(1)">'
ROWS = ("RN3", "RN4", "CN2")
cells = nbformat.v4


def make(root: Path, *, only: set[str] | None = None) -> None:
    """Writes the run `demo` under `root`; `only` names the parts to make (the makers' names), all without it."""
    makers = (_data, _audit, _experiments, _notebooks, _figures, _table1, _claims)
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(paths.ROOT / "pyproject.toml", root / "pyproject.toml")
    (root / "results" / "demo").mkdir(parents=True, exist_ok=True)
    sources = {
        "benchmark": "How fast?",
        "00_data_preparation": "Which images are there?",
        "02_architectures": "How many parameters?",
        "04_experiment": "What does this row of Table 1 score?",
    }
    for stem, title in sources.items():
        _save(root / "notebooks" / f"{stem}.ipynb", [cells.new_markdown_cell(f"# {title}")], {})
    for maker in makers:
        if only is None or maker.__name__[1:] in only:
            maker(root)


def picture(seed: int = 0) -> bytes:
    """A PNG of blurred noise."""
    noise = np.random.default_rng(seed).integers(60, 200, (6, 8), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((480, 300), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def _save(path: Path, listed: list, papermill: dict) -> None:
    stopped = False
    for number, cell in enumerate(listed, 1):
        cell["id"] = f"cell-{number}"
        if cell.cell_type == "code":
            cell.execution_count = None if stopped else number
            stopped = stopped or any(output.output_type == "error" for output in cell.outputs)
    node = cells.new_notebook(cells=listed, metadata={"papermill": papermill} if papermill else {})
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(node, path)


def _code(source: str, *outputs, **metadata):
    return cells.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def _shown(**data):
    kinds = {"png": "image/png", "html": "text/html", "plain": "text/plain", "latex": "text/latex"}
    kinds["view"] = "application/vnd.jupyter.widget-view+json"
    return cells.new_output("display_data", data={kinds[name]: value for name, value in data.items()})


def _png(seed: int = 0) -> str:
    return base64.b64encode(picture(seed=seed)).decode()


def _notebooks(root: Path) -> None:
    folder = root / "results" / "demo" / "notebooks"
    passed = {"run": "demo", "data": "phantoms", "image_size": 32}
    _save(
        folder / "00_data_preparation.ipynb",
        [
            cells.new_markdown_cell("# Which images are there?\n\n**Inputs** the sources\n\n**Paper** section 3.1"),
            _code("# Parameters\nrun = 'demo'", tags=["injected-parameters"]),
            cells.new_markdown_cell(
                "## The split\n\nSee [performance](05_performance.ipynb#table-1-shown), `x`, "
                "[claims](11_overview.ipynb#the-claims), "
                "[the rows](04_experiment.ipynb), [images](../data/demo/covidx/images.npy), [lib](../lib/paths.py)."
            ),
            _code("counts = 1\ncounts", _shown(html=f"<p>{EVIL}</p><b onclick='x()'>bold</b>", plain="x")),
        ],
        {"parameters": passed, "duration": 12.3456},
    )
    for place, name in enumerate(ROWS):
        _save(
            folder / f"04_experiment-{name}.ipynb",
            [
                cells.new_markdown_cell("# What does this row of Table 1 score?\n\nWeights: $w_c = \\frac{N}{K n_c}$."),
                cells.new_markdown_cell("## Learning curves\n\n$$\\mathrm{ReLU}\\left(\\sum_k \\alpha_k A^k\\right)$$"),
                _code(
                    "figures.learning_curves(history)",
                    cells.new_output("stream", name="stderr", text="2026-01-01 10:00:00 a dated log line"),
                    cells.new_output("stream", name="stdout", text=f"epoch 1 \x1b[32mgood\x1b[0m {EVIL_IMAGE}"),
                    _shown(png=_png(place)),
                    alt=f"Learning curves of {name}.",
                ),
                cells.new_markdown_cell("#### Scores\n\nHow to read it."),
                _code(
                    "metrics.scores(labels, probabilities)",
                    _shown(html=pd.DataFrame({"value": [0.91, 0.5]}, index=["a", EVIL]).to_html()),
                ),
            ],
            {"parameters": passed | {"experiment": name}, "duration": 30.0 + place},
        )
    _save(
        folder / "05_performance.ipynb",
        [
            cells.new_markdown_cell("# How well do the networks do?"),
            _code("table1", _shown(html=EVIL), name="table-1-shown"),
            _code("figure_4a", _shown(png=_png(7)), alt="ROC curves of two networks."),
            _code(
                "explain(x)", _shown(plain=EVIL, latex="$x^2$"), _shown(plain="FileUpload()", view={"model_id": "a"})
            ),
        ],
        {"parameters": passed, "duration": 5.0},
    )
    _save(
        folder / "06_explainability.failed.ipynb",
        [
            cells.new_markdown_cell("# Where do the networks look?"),
            _code("first()", _shown(plain="1")),
            _code(
                "1 / 0", cells.new_output("error", ename="ZeroDivisionError", evalue=EVIL, traceback=["\x1b[31mTrace"])
            ),
            cells.new_code_cell("after()"),
        ],
        {"parameters": passed, "exception": True},
    )
    made = "[Table 1](../results/demo/table1.csv), [4a](../figures/demo/figure_4a.pdf), [x](../../outside.csv)"
    _save(
        folder / "11_overview.ipynb",
        [
            cells.new_markdown_cell(f"# What came out?\n\n{made}"),
            _code(
                "styler",
                _shown(html=pd.DataFrame({"accuracy": [80.25, 83.25]}, index=["RN3", EVIL]).to_html()),
                name="table-1",
            ),
            cells.new_markdown_cell("## The claims\n\n[weights](../results/demo/claims.csv)"),
        ],
        {"parameters": passed},
    )
    _save(
        folder / "92_provenance.ipynb",
        [cells.new_markdown_cell("# Where from?\n\n[this run](../params/runs/demo.yaml)"), _code("steps")],
        {"parameters": {"run": "demo"}},
    )
    measured = root / "results" / "demo" / "benchmarks" / "04_experiment-RN4.tsv"
    files.write_text(measured, "s\th:m:s\tmax_rss\tcpu_time\n61.5\t0:01:01\t1234.5\t99.0\n")


def _data(root: Path) -> None:
    rows = [
        {"image_id": f"{label}{n}", "group_id": f"{label}{n // 2}", "source": "a", "label": label, "split": split}
        for label in ("covid-19", "normal", EVIL)
        for n, split in enumerate(("train", "train", "validation", "test"))
    ]
    for name in ("covidx", "ham10000"):
        files.write_csv(root / "data" / "demo" / name / "index.csv", pd.DataFrame(rows))
        excluded = [{"file": "x.png", "source": EVIL, "reason": "unreadable: no header"}]
        files.write_csv(root / "data" / "demo" / name / "excluded.csv", pd.DataFrame(excluded))
        files.write_json(root / "data" / "demo" / name / "settings.json", {"data": "phantoms"})


def _audit(root: Path) -> None:
    folder = root / "results" / "demo" / "audit"
    files.write_csv(folder / "people.csv", pd.DataFrame({"class": ["covid-19"], "images": [3]}))  # lists tell no ages
    counts = {"label": ["covid-19", "normal"], "source": ["a", EVIL], "train": [1, 2], "test": [3.5, None]}
    files.write_csv(folder / "counts.csv", pd.DataFrame(counts))
    files.write_json(folder / "source_only.json", {"accuracy": 0.9, "covid_f1": 0.948, "covid_auc": None})


def _experiments(root: Path) -> None:
    for place, name in enumerate(ROWS):
        folder = root / "results" / "demo" / "experiments" / name
        scores = {"accuracy": 0.8 + place / 100, "macro_f1": 0.7, "covid_f1": 0.5, "free_params": 6147, "seconds": 9.0}
        files.write_json(folder / "metrics.json", scores)
        settings = {"backbone": "resnet50v2", "pretraining": "imagenet", "class_weights": True, "augmentation": False}
        files.write_json(folder / "settings.json", settings | {"fine_tuning": False})


def _figures(root: Path) -> None:
    for place, name in enumerate(("figure_1a", "figure_4a", "figure_5b")):
        path = root / "figures" / "demo" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed=place))
        path.with_suffix(".pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")


def _table1(root: Path) -> None:
    lines = []
    for place, name in enumerate((*ROWS, "CN3", "source-only")):
        line = {"id": name, "transfer_learning": "ImageNet", "class_weights": "yes", "augmentation": "no"}
        line |= {"fine_tuning": None, "free_params": 6147, "free_params_published": 6146, "seeds": 1}
        line["data"] = "phantoms, generated pictures"
        for score in ("accuracy", "macro_f1", "covid_precision", "covid_recall", "covid_f1"):
            value = None if name == "CN3" else 80.25 + 3 * place
            bounds = {"_low": None, "_high": None} if value is None else {"_low": value - 4, "_high": value + 4}
            line |= {score: value, f"{score}_published": 81.0, f"{score}_verdict": "not comparable"}
            line[f"{score}_patients"] = 40
            line |= {f"{score}_difference": None if value is None else value - 81.0}
            line |= {score + end: bound for end, bound in bounds.items()}
        lines.append(line)
    files.write_csv(root / "results" / "demo" / "table1.csv", pd.DataFrame(lines))


def _claims(root: Path) -> None:
    judged = {
        "weights": ("Class weights raise the recall", "supported", "supported"),
        "split": (EVIL, "contradicted", "undecided"),
        "noise": ("Numerical precision is the cause", "undecided", None),
        "pretraining": ("Pretraining helps", "not run", "contradicted"),
    }
    lines = []
    for name, (claim, verdict, published) in judged.items():
        line = {"id": name, "section": "5.1", "claim": claim, "quote": f"as said: {claim}", "comparison": "RN3 − RN1"}
        line |= {"statistic": "COVID-19 recall", "effect": 12.5, "low": -1.25, "high": 26.0, "p_value": 0.0125}
        line |= {"verdict": verdict, "published_effect": 21.0, "published_verdict": published, "note": None}
        line |= {"patients": 40, "rows": "RN3, RN1", "data": "phantoms, generated pictures"}
        lines.append(line | {"evidence": "results/demo/experiments/RN3/metrics.json"})
    files.write_csv(root / "results" / "demo" / "claims.csv", pd.DataFrame(lines))
