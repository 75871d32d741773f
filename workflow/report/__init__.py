"""The report site of a run: results/<run>/report/, built from what the run left, without TensorFlow.

`html` cleans what comes from notebooks and data, `notebook` turns an executed notebook into a page, `tables` turns a
CSV into a table, `run` reads what is there, `overview` and `sheets` prepare the pages, `site` writes them.
"""
