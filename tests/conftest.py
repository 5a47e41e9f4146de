"""What all tests share."""

# A project of its own: its tests run where it is installed (contracts/test_plugin_project.py).
collect_ignore = ["plugin_project"]
