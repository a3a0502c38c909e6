"""Operators, sites, appliances, outlets, terminals, tariffs as kept, and the secrets of machines.

Owns: the tables of who operates what and where; claim codes, terminals' secrets, API keys; which
    tariff an outlet has, and each tariff's versions as text.
Does not decide: what a tariff's text means (tariffs), what a meter's reading means (metering), who
    a person is (people), whether a session may start (settlement).
Invariants: a secret is kept only as its SHA-256 and shown once; a claim code works once; a tariff
    version is never changed; each change and its audit row are one transaction; nothing is found
    without its operator, save by what a terminal or a program proves about itself.
"""
