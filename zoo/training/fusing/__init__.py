"""Updates of weights as one operation each; a module for each backend that has such."""
