"""Pictures that the API serves: thumbnails, which workers make, and contact sheets of them."""
