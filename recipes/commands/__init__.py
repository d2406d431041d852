"""What `vae-zoo` and the recipes' scripts do: one module a command."""
