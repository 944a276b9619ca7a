"""The settings of each file of `configs/`: one module a file. How files are found and read is `config.loading`."""
