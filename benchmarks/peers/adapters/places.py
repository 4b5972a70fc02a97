"""Where the formats of the model are, below the folder of checkpoints."""

from __future__ import annotations

# A state dict with the names of OpenAI's CLIP; open_clip reads it too.
OPENAI = "openai.pt"
# A folder for transformers.
HUGGING_FACE = "hugging-face"
# The data folder of rclip, and the folder of the towers in it, which has the name that rclip asks
# for whatever the weights.
RCLIP, RCLIP_MODEL = "rclip", "ViT-B-32-256-datacomp_s34b_b86k"
