"""Which class a finding of the chest X-ray sources belongs to, under the authors' rules and under COVID-Net's own."""

from collections.abc import Iterable

CHEST_CLASSES = ("covid-19", "normal", "pneumonia")
SKIN_CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


def classes_of(labels: Iterable[str]) -> tuple[str, ...]:
    """The classes of the dataset that these labels come from: chest, skin, or else the sorted labels."""
    found = set(labels)
    known = (classes for classes in (CHEST_CLASSES, SKIN_CLASSES) if found <= set(classes))
    return next(known, tuple(sorted(found)))


# Frontal views that each set of rules takes (lower case)
VIEWS = {
    "report": ("pa", "ap", "ap supine", "ap erect"),
    "covidnet": ("pa", "ap", "ap supine", "ap semi erect", "ap erect"),
}

# COVID-Net counts these as pneumonia; the report's rules leave them out
_OTHER_PNEUMONIAS = {"sars", "mers", "streptococcus", "klebsiella", "chlamydophila", "legionella", "e.coli"}
_OTHER_PNEUMONIAS |= {"mycoplasma", "nocardia", "staphylococcus", "mrsa"}

# COVID-Net skips COVID-19 images from these collections, which other sources hold too
_SKIPPED_COLLECTIONS = ("eurorad", "ml-workgroup", "sirm")


def finding_of(text: str) -> str:
    """The one finding that decides, in lower case.

    The first of several comma-separated findings counts. covid-chestxray-dataset wrote `COVID-19, ARDS` in 2020 and
    writes a path from general to special today (`Pneumonia/Viral/COVID-19`); the path's last part is what it wrote
    in 2020. Paths that end before they name an agent (`Pneumonia/Bacterial`) are an unspecified pneumonia.
    """
    first = text.split(",")[0].strip().lower()
    parts = [part.strip() for part in first.split("/") if part.strip()]
    if not parts:
        return ""
    if parts[0] == "pneumonia" and parts[-1] in ("viral", "bacterial", "fungal", "aspiration", "lipoid"):
        return "pneumonia"
    return parts[-1]


def label_of(text: str, rules: str) -> str | None:
    """The class of a finding of covid-chestxray-dataset, or None where the rules leave it out.

    Args:
        text: the `finding` column as it stands.
        rules: "report" (COVID-19, Normal and Pneumonia only) or "covidnet" (SARS, MERS and bacterial pneumonias too).
    """
    finding = finding_of(text)
    if finding in CHEST_CLASSES:
        return finding
    if rules == "covidnet":
        path = [part.strip() for part in text.split(",")[0].lower().split("/")]
        if finding in _OTHER_PNEUMONIAS or path[:2] == ["pneumonia", "bacterial"]:
            return "pneumonia"
    return None


def exact_label_of(text: str, rules: str) -> str | None:
    """The class of a finding of the Figure 1 and Actualmed sources, or None where the rules leave it out.

    The authors' code kept only findings that read exactly covid-19, normal or pneumonia (in any case).
    """
    if rules == "report":
        finding = text.strip().lower()
        return finding if finding in CHEST_CLASSES else None
    return label_of(text, rules)


def stands_for(source: str, text: str) -> str | None:
    """The class that a finding, left out by the rules, stands for where images of its source alone are compared.

    Actualmed's `No finding` is of patients in whom its notes exclude COVID-19; of covid-chestxray-dataset those
    pneumonias count that COVID-Net's rules take. Any other finding, or source, stands for None.
    """
    if source == "actmed" and finding_of(text) == "no finding":
        return "normal"
    return "pneumonia" if source == "cohen" and label_of(text, "covidnet") == "pneumonia" else None


def skipped_collection(label: str | None, url: str, rules: str) -> str | None:
    """The collection for which COVID-Net's rules skip a COVID-19 image of covid-chestxray-dataset, or None."""
    if rules != "covidnet" or label != "covid-19":
        return None
    return next((name for name in _SKIPPED_COLLECTIONS if name in url.lower()), None)


def is_frontal(view: str, rules: str) -> bool:
    return view.strip().lower() in VIEWS[rules]
