"""OpenAI's CLIP: where its weights are, and how they are run."""
