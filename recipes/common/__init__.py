"""What all rooms use: files, presets and runs on disk, the backend, progress."""
