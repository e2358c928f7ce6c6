"""The cell as a table. In: field solutions. Out: CompactTable, TableModel, the 0-D form distilled from it."""
