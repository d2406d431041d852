"""What is written about models: model cards, reports, tables of READMEs."""
