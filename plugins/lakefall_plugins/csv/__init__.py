"""CSV files: sniffers and the reader."""
