"""The pages of training: exports, and where everything in them came from."""

from training.views.exports import download, export, export_file, exports, foretold
from training.views.provenance import footage_provenance, item_provenance, provenance

__all__ = [
    "download",
    "export",
    "export_file",
    "exports",
    "footage_provenance",
    "foretold",
    "item_provenance",
    "provenance",
]
