"""One self-contained HTML page about a preset, a run or an exported model."""

from recipes.documents.report.page import write_report

__all__ = ["write_report"]
