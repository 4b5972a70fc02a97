"""The workers: they hold the model, embed, and write to and search Milvus."""
