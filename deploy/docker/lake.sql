-- The catalog of the lake: its files are in the object store.
CREATE DATABASE lake;
