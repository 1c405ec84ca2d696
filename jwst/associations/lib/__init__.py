"""Rules and helpers of associations."""
