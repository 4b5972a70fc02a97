"""What keeps workers that were frozen from overwriting what others have done since."""
