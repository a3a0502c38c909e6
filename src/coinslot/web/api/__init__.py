"""The JSON API, version 1: `/api/v1/…` for programs, with keys of one operator each.

Owns: its routes, their bodies, the OpenAPI document made from them.
Does not decide: anything; it asks settlement's `Starter` and reads what is stored.
Invariants: a request is read strictly (no guessed types, no unknown fields); money is integer minor units;
answers name only what belongs to the caller's operator.
"""
