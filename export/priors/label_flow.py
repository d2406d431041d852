"""A flow for each label: its layers see the label, too."""

from export.priors.flow import FlowRecord


class _Record(FlowRecord):
    name = "label_flow"
    of_labels = True


RECORD = _Record()
