"""The tables of a run and the ledger of its videos."""
