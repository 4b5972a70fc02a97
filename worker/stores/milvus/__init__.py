"""Milvus, the vector store in production."""
