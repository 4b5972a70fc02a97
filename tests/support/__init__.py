"""What tests share: real parts, fakes, and data built in code."""
