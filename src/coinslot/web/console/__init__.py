"""The operator's console: what staff see and do in a browser.

Owns: how staff log in and out of pages; which role may ask for which page, in one table (`may`); what the pages of
    payments, refunds, reviews, sessions, entries and statements show.
Does not decide: who staff are and how often they may try (people), what becomes of money (settlement), how a page
    is sent (web/pages).
Invariants: every route stands in the table, or the application does not start; what belongs to another operator
    looks as if it did not exist; nothing is changed but by a form of ours, bound to the login; nobody's phone number
    is in an address or a log.
"""
