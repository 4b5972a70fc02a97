"""The work as an app of each tool; run as a module, an app sends the tasks.

They run in the tools' environments, and import nothing of the project that needs its packages.
"""
