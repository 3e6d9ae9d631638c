"""How cost grows: with rows, columns, partitions, log files and assets."""
