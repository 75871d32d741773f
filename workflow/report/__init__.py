"""The report site of a run: results/<run>/report/, what nbconvert makes of the executed notebooks, without TensorFlow.

`html` cleans what comes from notebooks and data, `notebook` reads an executed notebook and tidies it, `site` puts the
pages in order, leads their links and writes them. Templates: one, templates/page.
"""
