from __future__ import annotations


def completed(paper, read):
    return [found.problem for found in paper.found]
