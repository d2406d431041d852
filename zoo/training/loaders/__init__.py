"""Streams of one backend's own kind, checked: a module each, imported at need."""
