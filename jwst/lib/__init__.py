"""Array and header helpers shared by the steps."""
