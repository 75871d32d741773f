"""The companion's DAG: a rule a notebook.

Every rule takes its notebook and the library files that the notebook imports as inputs, and the parameters that the
notebook lists as params, so that a change reruns what it affects and nothing else. Call it through `make reproduce`.
"""

import json

from lib import dag, params
from lib.paths import Paths, ROOT

RUN = config.get("run", "demo")
SET = dag.unpacked(config.get("set", dag.packed({})))
P = params.load(RUN, None, SET)
AT = Paths(RUN)
PIECES = {row: params.load(RUN, row, SET) for row in P.experiments}
for row in list(PIECES):
    parent = PIECES[row].continues
    if parent and parent not in PIECES:
        PIECES[parent] = params.load(RUN, parent, SET)


def relative(path):
    return str(path.relative_to(ROOT))


NOTEBOOKS = relative(AT.notebooks)
FIGURES = relative(AT.figures)
CHEST = relative(AT.covidx)
SKIN = relative(AT.ham10000)
RESULTS = relative(AT.results)
TIMES = f"{RESULTS}/benchmarks"
LOGS = f"{RESULTS}/logs"  # what libraries write past Python; lib.execute puts it there
THREADS = P.threads or max(
    1, workflow.cores // int(config.get("jobs", 1)) if workflow.cores else 1
)
EXECUTE = (
    "TF_NUM_INTRAOP_THREADS={threads} TF_NUM_INTEROP_THREADS={threads} OMP_NUM_THREADS={threads} "
    "python -m lib.execute {input.notebook} {output.notebook} --values {params.values:q}"
)
PREPARED = [f"{CHEST}/index.csv", f"{CHEST}/images.npy"]
SKIN_PREPARED = [f"{SKIN}/index.csv", f"{SKIN}/images.npy"]
ROWS = [AT.experiment(row, seed).name for row in PIECES for seed in P.seeds]
# the explained row and those of the other architecture, of which notebook 07 takes the best
COMPARED_ROWS = [
    row
    for row, piece in PIECES.items()
    if row == P.explained_experiment
    or piece.backbone != PIECES.get(P.explained_experiment, piece).backbone
]


def notebook(name):
    return f"notebooks/{name}.ipynb"


def values(name, checked=P, **changed):
    return json.dumps(dag.values(name, checked, **changed), sort_keys=True)


def network(piece):
    """Name of the pretrained network that a row starts from, or None."""
    if piece.pretraining == "none" or piece.continues:
        return None
    if piece.pretraining == "imagenet":
        return "resnet50v2" if piece.imagenet_weights == "stand_in" else None
    return f"covidnet-{piece.pepx}" if piece.ham10000_weights == "notebook" else None


def row_and_seed(name):
    row, _, seed = name.partition("-seed")
    return row, int(seed) if seed else 1


def row_values(wildcards):
    row, seed = row_and_seed(wildcards.row)
    return values("04_experiment", PIECES[row], seed=seed)


def starts_from(wildcards):
    """The model that a row continues or starts from."""
    row, seed = row_and_seed(wildcards.row)
    piece = PIECES[row]
    if piece.continues:
        return [relative(AT.experiment(piece.continues, seed) / "model.keras")]
    name = network(piece)
    return [f"{RESULTS}/pretraining/{name}.keras"] if name else []


def pretraining_values(wildcards):
    backbone, _, pepx = wildcards.network.partition("-")
    changed = {"backbone": backbone} | ({"pepx": pepx} if pepx else {})
    return values("03_pretraining", P, **changed)


def figures(*names):
    return [
        f"{FIGURES}/figure_{name}.{suffix}"
        for name in names
        for suffix in ("png", "pdf")
    ]


STORY = (
    ["00_data_preparation", "01_data_exploration", "02_architectures"]
    + [
        f"03_pretraining-{name}"
        for name in sorted({network(piece) for piece in PIECES.values()} - {None})
    ]
    + [f"04_experiment-{row}" for row in ROWS]
    + ["05_performance"]
    + (
        [
            "06_explainability",
            "07_integrated_gradients_steps",
            "08_explanation_scorecard",
            "09_explain_your_image",
        ]
        if P.explained_experiment in PIECES
        else []
    )
    + ["10_claims"]
)


wildcard_constraints:
    row=r"[A-Z]+[0-9]+[A-Za-z0-9_-]*",
    network=r"[a-z0-9]+(-[a-z_]+)?",


localrules:
    reproduce,
    report,


rule reproduce:
    """Everything: every notebook, and the report over them."""
    input:
        f"{RESULTS}/report/index.html",


rule data_preparation:
    """Sources to audited arrays: index.csv, images.npy, excluded.csv for both data sets."""
    input:
        dag.sources("00_data_preparation"),
        notebook=notebook("00_data_preparation"),
    output:
        *[
            f"{folder}/{name}"
            for folder in (CHEST, SKIN)
            for name in ("index.csv", "excluded.csv")
        ],
        *[update(f"{folder}/images.npy") for folder in (CHEST, SKIN)],
        notebook=f"{NOTEBOOKS}/00_data_preparation.ipynb",
    log:
        f"{LOGS}/00_data_preparation.log",
    benchmark:
        f"{TIMES}/00_data_preparation.tsv"
    conda:
        "environment.yml"
    threads: max(1, (workflow.cores or 1) - 1)
    params:
        values=values("00_data_preparation"),
    shell:
        EXECUTE


rule data_exploration:
    """Figures 1 and 2, the audit, the source-only baseline."""
    input:
        dag.sources("01_data_exploration"),
        PREPARED,
        SKIN_PREPARED,
        notebook=notebook("01_data_exploration"),
    output:
        figures("1a", "1b", "2a", "2b"),
        f"{RESULTS}/audit/source_only.json",
        notebook=f"{NOTEBOOKS}/01_data_exploration.ipynb",
    log:
        f"{LOGS}/01_data_exploration.log",
    benchmark:
        f"{TIMES}/01_data_exploration.tsv"
    priority: 25
    conda:
        "environment.yml"
    threads: THREADS
    params:
        values=values("01_data_exploration"),
    shell:
        EXECUTE


rule architectures:
    """Figure 3, and the free parameters of Table 1."""
    input:
        dag.sources("02_architectures"),
        notebook=notebook("02_architectures"),
    output:
        figures("3a", "3b"),
        notebook=f"{NOTEBOOKS}/02_architectures.ipynb",
    log:
        f"{LOGS}/02_architectures.log",
    benchmark:
        f"{TIMES}/02_architectures.tsv"
    conda:
        "environment.yml"
    threads: THREADS
    params:
        values=values("02_architectures"),
    shell:
        EXECUTE


rule pretraining:
    """One network pretrained on the skin images; every row that starts from it shares it."""
    input:
        dag.sources("03_pretraining"),
        SKIN_PREPARED,
        notebook=notebook("03_pretraining"),
    output:
        f"{RESULTS}/pretraining/{{network}}.keras",
        notebook=f"{NOTEBOOKS}/03_pretraining-{{network}}.ipynb",
    log:
        f"{LOGS}/03_pretraining-{{network}}.log",
    benchmark:
        f"{TIMES}/03_pretraining-{{network}}.tsv"
    priority: 30
    conda:
        "environment.yml"
    threads: THREADS
    params:
        values=pretraining_values,
    shell:
        EXECUTE


rule experiment:
    """One row of Table 1 (for one seed)."""
    input:
        dag.sources("04_experiment"),
        PREPARED,
        starts_from,
        notebook=notebook("04_experiment"),
    output:
        *[
            f"{RESULTS}/experiments/{{row}}/{name}"
            for name in (
                "metrics.json",
                "predictions.csv",
                "predictions_validation.csv",
                "history.csv",
                "settings.json",
                "model.keras",
            )
        ],
        notebook=f"{NOTEBOOKS}/04_experiment-{{row}}.ipynb",
    log:
        f"{LOGS}/04_experiment-{{row}}.log",
    benchmark:
        f"{TIMES}/04_experiment-{{row}}.tsv"
    priority: 20
    conda:
        "environment.yml"
    threads: THREADS
    params:
        values=row_values,
    shell:
        EXECUTE


rule performance:
    """Table 1 beside the published one, Figure 4, and every row's curves."""
    input:
        dag.sources("05_performance"),
        expand(f"{RESULTS}/experiments/{{row}}/metrics.json", row=ROWS),
        f"{RESULTS}/audit/source_only.json",
        notebook=notebook("05_performance"),
    output:
        f"{RESULTS}/table1.csv",
        figures(*["4a"] * ({"RN4", "CN2"} <= set(PIECES)), *["4b"] * ("RN4" in PIECES)),
        notebook=f"{NOTEBOOKS}/05_performance.ipynb",
    log:
        f"{LOGS}/05_performance.log",
    benchmark:
        f"{TIMES}/05_performance.tsv"
    priority: 25
    conda:
        "environment.yml"
    threads: THREADS
    params:
        values=values("05_performance"),
    shell:
        EXECUTE


rule explainability:
    """Figure 5 and its gallery."""
    input:
        dag.sources("06_explainability"),
        PREPARED,
        f"{RESULTS}/experiments/{P.explained_experiment}/model.keras",
        notebook=notebook("06_explainability"),
    output:
        figures("5a", "5b"),
        notebook=f"{NOTEBOOKS}/06_explainability.ipynb",
    log:
        f"{LOGS}/06_explainability.log",
    benchmark:
        f"{TIMES}/06_explainability.tsv"
    conda:
        "environment.yml"
    threads: THREADS
    params:
        values=values("06_explainability"),
    shell:
        EXECUTE


rule integrated_gradients_steps:
    """How many steps Integrated Gradients need."""
    input:
        dag.sources("07_integrated_gradients_steps"),
        PREPARED,
        expand(f"{RESULTS}/experiments/{{row}}/model.keras", row=COMPARED_ROWS),
        notebook=notebook("07_integrated_gradients_steps"),
    output:
        f"{RESULTS}/explanations/steps.csv",
        notebook=f"{NOTEBOOKS}/07_integrated_gradients_steps.ipynb",
    log:
        f"{LOGS}/07_integrated_gradients_steps.log",
    benchmark:
        f"{TIMES}/07_integrated_gradients_steps.tsv"
    priority: 25
    conda:
        "environment.yml"
    threads: THREADS
    params:
        values=values("07_integrated_gradients_steps"),
    shell:
        EXECUTE


rule explanation_scorecard:
    """Whether the explanations agree, and whether they look at the lungs."""
    input:
        dag.sources("08_explanation_scorecard"),
        PREPARED,
        f"{RESULTS}/experiments/{P.explained_experiment}/model.keras",
        notebook=notebook("08_explanation_scorecard"),
    output:
        f"{RESULTS}/explanations/scorecard.csv",
        notebook=f"{NOTEBOOKS}/08_explanation_scorecard.ipynb",
    log:
        f"{LOGS}/08_explanation_scorecard.log",
    benchmark:
        f"{TIMES}/08_explanation_scorecard.tsv"
    conda:
        "environment.yml"
    threads: THREADS
    params:
        values=values("08_explanation_scorecard"),
    shell:
        EXECUTE


rule explain_your_image:
    """Prediction and explanations of one image of the reader's."""
    input:
        dag.sources("09_explain_your_image"),
        PREPARED,
        f"{RESULTS}/experiments/{P.explained_experiment}/model.keras",
        notebook=notebook("09_explain_your_image"),
    output:
        notebook=f"{NOTEBOOKS}/09_explain_your_image.ipynb",
    log:
        f"{LOGS}/09_explain_your_image.log",
    benchmark:
        f"{TIMES}/09_explain_your_image.tsv"
    conda:
        "environment.yml"
    threads: THREADS
    params:
        values=values("09_explain_your_image"),
    shell:
        EXECUTE


rule claims:
    """The report's claims, judged from the runs; its slips, computed."""
    input:
        dag.sources("10_claims"),
        f"{RESULTS}/table1.csv",
        (
            [f"{RESULTS}/explanations/{name}.csv" for name in ("steps", "scorecard")]
            if P.explained_experiment in PIECES
            else []
        ),
        "params/claims.yaml",
        notebook=notebook("10_claims"),
    output:
        f"{RESULTS}/claims.csv",
        f"{RESULTS}/claims_comparisons.csv",
        f"{RESULTS}/errata.csv",
        notebook=f"{NOTEBOOKS}/10_claims.ipynb",
    log:
        f"{LOGS}/10_claims.log",
    benchmark:
        f"{TIMES}/10_claims.tsv"
    conda:
        "environment.yml"
    threads: THREADS
    params:
        values=values("10_claims"),
    shell:
        EXECUTE


rule report:
    """The HTML pages over everything that has run, and the provenance of it."""
    input:
        expand(f"{NOTEBOOKS}/{{name}}.ipynb", name=STORY),
        f"{RESULTS}/table1.csv",
    output:
        f"{RESULTS}/report/index.html",
        f"{RESULTS}/provenance.json",
    log:
        f"{LOGS}/report.log",
    conda:
        "environment.yml"
    params:
        run=RUN,
    shell:
        "python -m lib.report --run {params.run} 2> {log}"
