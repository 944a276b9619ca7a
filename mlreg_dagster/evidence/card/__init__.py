"""The model card of one version, in ten sections: collected, arranged and put into words; rendered elsewhere."""
