"""A page that explores an exported model: one HTML file, which runs it in the browser.

The page is put together from an exported file or folder and from parts that
`make explorer` builds out of web/: README.md in this folder says how. It needs numpy
and onnxruntime, and nothing from outside, neither to be made nor to be opened.
"""

from export.explorer.assets import build, check_built
from export.explorer.page import make_page
from export.explorer.server import serve

__all__ = ["build", "check_built", "make_page", "serve"]
