"""Search: finds the images nearest to the terms of a query."""
