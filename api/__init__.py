"""The HTTP front end: it accepts, stores, enqueues and answers, and knows no model."""
