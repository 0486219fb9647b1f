-- How far a run's trials went when its round of judging began, as a rowid: those behind it are judged in this round.
ALTER TABLE runs ADD COLUMN judged_after INTEGER NOT NULL DEFAULT 0;
-- Trials counted by outcome without a look at what was said in them.
CREATE INDEX trials_by_outcome ON trials (run, outcome);
