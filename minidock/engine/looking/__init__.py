"""What can be seen of containers, and of the whole, without changing anything."""
