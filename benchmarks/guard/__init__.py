"""Whether the product became slower, told by ratios to work that stays the same."""
