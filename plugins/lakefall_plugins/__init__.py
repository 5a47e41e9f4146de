"""The built-in plugins: ordinary plugins, one subject a module or package."""
