"""Search: from the terms of a query to the images nearest to them."""
