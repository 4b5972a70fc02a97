"""The reindex: embeds all images again with another model, beside the active one."""
