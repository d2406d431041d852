"""Training, from the first step to a preset: folders of runs, callbacks, logs."""
