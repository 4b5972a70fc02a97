"""What commands print: tables, progress and text."""
