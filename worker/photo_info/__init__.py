"""Photo info: reads what a picture's file says of itself from its bytes."""
