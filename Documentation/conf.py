# SPDX-License-Identifier: GPL-2.0 OR MIT
# For sphinx. "make doc" calls it through tools/testing/lib/doc, which adds the API's reference and the manual pages.

project = "stopper"
author = "The stopper authors"
copyright = "The stopper authors"
version = release = "0.1.0"

extensions = []
exclude_patterns = ["api/*"]
primary_domain = "c"
highlight_language = "none"
nitpicky = False
manpages_url = "man/{page}.{section}.html"

html_theme = "alabaster"
html_theme_options = {
    "description": "Ordered shutdown and task tracking",
    "page_width": "1100px",
    "sidebar_width": "200px",
    "fixed_sidebar": True,
    "code_font_size": "0.78em",
    "font_family": "sans-serif",
    "head_font_family": "sans-serif",
}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
