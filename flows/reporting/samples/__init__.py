"""The samples of a report: their grid, how they are drawn and measured, and the files that they fill."""
