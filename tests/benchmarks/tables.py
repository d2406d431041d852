"""RESULTS.md, from the record of a run alone."""

import contenders
from claims import claims


def markdown(record):
    """The text of RESULTS.md."""
    lines = [*heading(record), "", "## Claims", "", *claims_table(record)]
    sections = {
        "dense": dense_section,
        "conv": conv_section,
        "ladder": ladder_section,
        "sampling": sampling_section,
        "growth": growth_section,
    }
    for part, section in sections.items():
        if part in record:
            lines += ["", *section(record)]
    return "\n".join(lines) + "\n"


def heading(record):
    versions = ", ".join(f"{name} {v}" for name, v in record["versions"].items())
    lines = [
        "# Measured speed and memory",
        "",
        f"`make bench`, {record['date']}, {record['minutes']:.0f} minutes on "
        f"{record['hardware']}. {versions}.",
    ]
    if record["quick"]:
        lines += ["", "**A quick trial: these figures say nothing about speed.**"]
    if record["loaded"]:
        lines += [
            "",
            f"**Other programs used up to {record['cores_used_by_others']} cores: "
            "these figures are too low, and their ratios unreliable.**",
        ]
    if record["without_pythae"]:
        lines += ["", record["without_pythae"]]
    rounds = record["sizes"]["rounds"]
    rows = [
        row
        for part in ("dense", "conv", "ladder")
        for row in record.get(part, {}).values()
    ]
    once = any(len(row["each_turn"]) < rounds for row in rows)
    lines += [
        "",
        "Everything is measured in turns, each in a process of its own; figures are "
        f"medians over {rounds} turn(s)"
        + (", and over one where no claim is made" if once else "")
        + ". Memory is the most that the process ever had resident, libraries and "
        "images included. A claim's figure is the median of the ratios within a turn.",
    ]
    return lines


def table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def claims_table(record):
    rows = []
    for claim in claims(record):
        asked, met = "-", "-"
        if claim.asked is not None:
            asked = f"{claim.asked:.2f}"
            met = "yes" if claim.measured >= claim.asked else "**no**"
        spread = f"{min(claim.each_turn):.2f} to {max(claim.each_turn):.2f}"
        rows.append((claim.what, asked, f"{claim.measured:.2f}", spread, met))
    return table(
        ("how many times as fast", "asked, at least", "measured", "by turn", "met"),
        rows,
    )


def training_table(results, reference):
    base = results[reference]["images_per_second"]
    rows = []
    for name, figures in results.items():
        rate, each = figures["images_per_second"], figures["each_epoch"]
        rows.append(
            (
                name,
                f"{rate:,.0f}",
                f"{min(each):,.0f} to {max(each):,.0f}",
                f"{rate / base:.2f}",
                f"{figures['first_epoch_seconds']:.1f}",
                f"{figures['peak_mb']:,}",
                f"{figures['parameters']:,}",
                f"{figures['loss']:.1f}",
            )
        )
    columns = "images/s|slowest to fastest epoch|ratio|first epoch, s|memory, MB"
    return table(("", *columns.split("|"), "parameters", "loss"), rows)


def dense_section(record):
    sizes = record["sizes"]
    return [
        f"## Training DenseVAE 784-400-20, {sizes['dense_images']:,} images of "
        f"{record['images']}",
        "",
        "Batch 128, Adam, float32. The first epoch of a process, in which things are "
        f"compiled, is not counted; the next {sizes['epochs']} are. Equal parameters "
        "and losses after as many epochs show that the same model is trained.",
        "",
        *training_table(record["dense"], contenders.TORCH_LOOP),
        "",
        "The hand-written loops, stock Keras and pythae compute the loss alone; the "
        "zoo's `fit` also computes ELBO, reconstruction, KL and active units. It is "
        'given nothing but `compile("adam")`.',
    ]


def conv_section(record):
    what = "ConvVAE, filters 16 and 32, one block a stage"
    return _network_section(record, "conv", what)


def ladder_section(record):
    what = "HierarchicalVAE, two groups of latents on 7x7 and one on 14x14"
    return _network_section(record, "ladder", what)


def _network_section(record, part, what):
    return [
        f"## Training {what}, {record['sizes']['conv_images']:,} images",
        "",
        "The same network, hand-written in each framework; its fastest form was taken: "
        "in PyTorch channels first, in TensorFlow without XLA, in JAX a call a step. "
        f"{record['sizes']['conv_epochs']} epochs are counted after the first.",
        "",
        *training_table(record[part], contenders.TORCH_LOOP),
    ]


def sampling_section(record):
    results = record["sampling"]
    lines = [
        "## Sampling from decoders",
        "",
        "Milliseconds a call with 1 and 64 images, latents and images as NumPy arrays; "
        "`sample` draws the latents, too. All take as many threads as they like. The "
        "first calls compile, for both sizes; memory is that of the process that "
        "measured the backend's calls.",
    ]
    for preset, calls in results["calls"].items():
        rows = [
            (
                name,
                spread_ms(figures["1"]),
                spread_ms(figures["64"]),
                f"{figures['first_call_seconds']:.1f}"
                if "first_call_seconds" in figures
                else "-",
                f"{figures['peak_mb']:,}",
            )
            for name, figures in calls.items()
        ]
        columns = ("1 image", "64 images", "first calls, s", "memory, MB")
        lines += ["", *table((preset, *columns), rows)]
    rows = [
        (
            name,
            f"{figures['seconds']:.2f}",
            f"{min(figures['each_turn']):.2f} to {max(figures['each_turn']):.2f}",
            f"{figures['peak_mb']:,}",
        )
        for name, figures in results["start"].items()
    ]
    lines += [
        "",
        f"Cold start with {record['sizes']['presets'][0]}: import, load and the first "
        "16 images, without the start of Python itself.",
        "",
        *table(("", "seconds", "fastest to slowest", "memory, MB"), rows),
    ]
    return lines


def spread_ms(figures):
    each = figures["each_turn"]
    return f"{figures['ms']:.2f} ({min(each):.2f} to {max(each):.2f})"


def growth_section(record):
    growth, sizes = record["growth"], record["sizes"]

    def training_rows(results):
        for name, figures in results.items():
            rate = figures["images_per_second"]
            yield (
                f"{int(name):,}",
                f"{figures['parameters']:,}",
                f"{10_000 / rate:.2f}",
                f"{rate:,.0f}",
                f"{figures['peak_mb']:,}",
            )

    columns = ("parameters", "s per 10,000 images", "images/s", "memory, MB")
    drawn = [
        (
            f"{int(count):,}",
            f"{figures['seconds']:.3f}",
            f"{int(count) / figures['seconds']:,.0f}",
            f"{figures['peak_mb']:,}",
        )
        for count, figures in growth["sampling"].items()
    ]
    return [
        "## Growth",
        "",
        "One turn each, medians of its epochs or of five draws.",
        "",
        f"Training DenseVAE on JAX, {sizes['growing_dense_images']:,} images of "
        f"{record['images']}:",
        "",
        *table(("hidden units", *columns), training_rows(growth["dense"])),
        "",
        f"Training ConvVAE on TensorFlow, {sizes['growing_conv_images']:,} images of "
        "noise:",
        "",
        *table(("pixels a side", *columns), training_rows(growth["conv"])),
        "",
        f"`export.Sampler.sample` of {sizes['presets'][0]}, all cores:",
        "",
        *table(("images", "seconds", "images/s", "memory, MB"), drawn),
    ]
