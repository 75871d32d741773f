"""Every measurement of `make bench`: `python -m workflow.bench`."""

from workflow.bench.measure import main

if __name__ == "__main__":
    main()
