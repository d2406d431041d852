"""What commands and the functions behind them take where nothing else is given."""

# Of fine-tuning: images a step, and Adam's rate at its highest. Most shipped presets
# gain by these on the data of their kind.
FINETUNING_BATCH = 32
FINETUNING_RATE = 5e-4

# Gigabytes for the images of a split.
MEMORY = 0.7
