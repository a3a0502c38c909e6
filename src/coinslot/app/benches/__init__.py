"""Measurements of this product on this machine, each as a ratio to a limit measured in the same run.

*Owns*: what is measured, how runs are interleaved, which ratios are wanted, how figures are shown.

*Does not decide*: how anything works; what is measured runs as it does in use, with fsync on.

*Invariants*: a figure is never given without its limit, its spread and the machine it was taken on; every
process started here ends here.
"""
