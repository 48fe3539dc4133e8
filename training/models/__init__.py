"""What is made from decisions."""

from training.models.export import ExportRun

__all__ = ["ExportRun"]
