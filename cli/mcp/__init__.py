"""`glimpse mcp`: a server of the Model Context Protocol, built on the client."""
