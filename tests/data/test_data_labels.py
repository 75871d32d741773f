import pytest

from lib.data.labels import exact_label_of, is_frontal, label_of, skipped_collection


@pytest.mark.parametrize(
    ("text", "report", "covidnet"),
    [
        ("COVID-19", "covid-19", "covid-19"),
        ("COVID-19, ARDS", "covid-19", "covid-19"),
        ("Pneumonia/Viral/COVID-19", "covid-19", "covid-19"),
        ("Pneumonia/Viral/COVID-19, ARDS", "covid-19", "covid-19"),
        ("ARDS, COVID-19", None, None),  # the first finding counts
        ("Pneumonia", "pneumonia", "pneumonia"),
        ("Pneumonia/Bacterial", "pneumonia", "pneumonia"),
        ("Pneumonia/Viral/SARS", None, "pneumonia"),
        ("SARS", None, "pneumonia"),
        ("MERS, ARDS", None, "pneumonia"),
        ("Pneumonia/Bacterial/Streptococcus", None, "pneumonia"),
        ("Pneumonia/Bacterial/Staphylococcus/MRSA", None, "pneumonia"),
        ("E.Coli", None, "pneumonia"),
        ("Pneumonia/Fungal/Pneumocystis", None, None),
        ("Normal", "normal", "normal"),
        ("No Finding", None, None),
        ("Tuberculosis", None, None),
        ("", None, None),
    ],
)
def test_both_ways_of_writing_a_finding_under_both_rules(text, report, covidnet):
    assert label_of(text, "report") == report
    assert label_of(text, "covidnet") == covidnet


def test_the_smaller_sources_take_exact_findings_only_under_the_reports_rules():
    assert exact_label_of("COVID-19", "report") == "covid-19"
    assert exact_label_of("COVID-19, ARDS", "report") is None
    assert exact_label_of("No finding", "report") is None
    assert exact_label_of("COVID-19, ARDS", "covidnet") == "covid-19"


def test_covidnet_takes_semi_erect_views_and_the_report_does_not():
    assert not is_frontal("AP semi erect", "report")
    assert is_frontal("AP semi erect", "covidnet")
    for view in ("PA", "AP", "AP Supine", "AP erect"):
        assert is_frontal(view, "report")
    assert not is_frontal("L", "covidnet")


def test_covidnet_skips_collections_that_other_sources_hold():
    url = "https://www.eurorad.org/case/16660"
    assert skipped_collection("covid-19", url, "covidnet") == "eurorad"
    assert skipped_collection("pneumonia", url, "covidnet") is None
    assert skipped_collection("covid-19", url, "report") is None
