"""What firmware makers read, made from the types of `wire`: schemas, AsyncAPI, tables, example vectors.

Owns: the shape of the files in docs/link.
Does not decide: any rule of the link; each comes from the types and their docstrings.
Invariants: pure; the same types give the same bytes; not imported by anything that runs.
"""
