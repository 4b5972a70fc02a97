"""Pictures the API draws itself: thumbnails and contact sheets."""
