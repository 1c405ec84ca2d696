"""Configuration of the documentation."""

project = "jwst-stpipe"
author = "The jwst-stpipe developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "changes"]
numpydoc_show_class_members = False
autosummary_generate = False
html_theme = "alabaster"
