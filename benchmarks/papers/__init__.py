"""Proofs of papers: what each claims of its own idea, measured beside a control that lacks the idea.

`python -m benchmarks.papers NAME` trains both and prints the claim, the figures and the control's figures. One module
per paper.
"""
