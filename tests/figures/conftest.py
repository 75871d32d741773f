import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def leaves_no_figure_open():
    plt.close("all")
    yield
    assert plt.get_fignums() == []
