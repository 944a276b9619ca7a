"""The model card: everything that is to be said of one version, in ten sections."""
