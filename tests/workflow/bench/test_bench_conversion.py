from workflow.bench import conversion as bench


def test_the_conversion_gives_the_plain_loops_pixels():
    rows = bench.conversion_rows(images=12, repeats=1)
    assert rows[0]["equal"] is True
    assert all(row["ratio"] > 0 for row in rows)
