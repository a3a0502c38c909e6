"""What every page stands on: rendering, languages, visits, forms.

Owns: how a page becomes one compressed response; which language it speaks; the browser's cookie; that a form
    came from the page we sent; how figures are written.
Does not decide: what a page says (web/customer, web/wall), who somebody is (people).
Invariants: a page is one request: styles and scripts are inlined and named by hash in its policy; nothing is
    loaded from elsewhere; every text is translated; a page is never stored by a cache.
"""
