"""What recorded numbers tell, computed with arrays."""
