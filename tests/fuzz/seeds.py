"""What the scripts that make seeds of fuzz targets share."""

import os


def write_seeds(target, seeds, choices):
    """Writes tests/fuzz/corpus/TARGET: a file of each name and bytes; `choices` is the first byte
    of every input."""
    here = os.path.dirname(os.path.abspath(__file__))
    directory = os.path.join(here, "corpus", target)
    os.makedirs(directory, exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(directory, name), "wb") as f:
            f.write(choices + data)
    print("%d seeds, %d bytes" % (len(seeds), sum(len(data) + 1 for data in seeds.values())))
