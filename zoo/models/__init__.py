"""The models of the zoo, one class a file."""
