"""What labels a preset or an exported model takes."""

from zoo.class_names import class_number


def takes_labels(facts):
    """Whether there is an y in its p(x|y).

    Args:
        facts: `zoo.preset_info` of a preset, or the metadata of an `export.Sampler`.
    """
    names = ("num_classes", "num_attributes")
    return any(facts.get(name) is not None for name in names)


def class_asked_for(text, class_names):
    """What `sample` takes for a class that was asked for on the command line.

    Args:
        text: its name, or else its number; None is no class.
        class_names: names of the classes, or None.
    """
    named = class_names and text and class_number(text, class_names) is not None
    return text if named or text is None or not text.isdecimal() else int(text)


def given_labels(figure):
    """What an ELBO or NLL is called where it is one of p(x|y); others as they are.

    Args:
        figure: its name, such as "NLL, bits/dim".
    """
    name, comma, rest = figure.partition(",")
    return f"{name} given the label{comma}{rest}" if name in ("ELBO", "NLL") else figure


def label_argument(facts, count):
    """What `sample` is given, in Python: "labels=9, ", or "" without labels.

    Args:
        facts: as above.
        count: how many images are drawn.
    """
    if facts.get("num_classes") is not None:
        return f"labels={facts['num_classes'] - 1}, "
    if facts.get("num_attributes") is not None:
        return f"labels=[[0.0] * {facts['num_attributes']}] * {count}, "
    return ""
