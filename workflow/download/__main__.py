"""Fetches the public archives: `python -m workflow.download --run paper`."""

import sys

from workflow.download.archives import main

sys.exit(main())
