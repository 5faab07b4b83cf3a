"""The first-party plugins of KernelQ, one folder each; a folder's docstring is its manual page."""
