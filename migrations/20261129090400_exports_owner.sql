-- Exports are an act over records of several areas, so they stand with the flows: views only read.
comment on table exports is 'flows/exports';
