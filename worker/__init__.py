"""The workers: run the model, and write to and search Milvus."""
