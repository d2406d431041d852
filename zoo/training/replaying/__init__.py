"""Steps that are recorded and replayed: a module a backend that gains by it."""
