alter table payments.break drop constraint break_class_check;
alter table payments.break add constraint break_class_check check (class in (
  'channel_only', 'ledger_only', 'amount', 'refund_only', 'refund_missing', 'duplicate_in_file', 'debit_missing', 'debit_unknown', 'debit_conflict',
  'biller_missing', 'biller_only', 'biller_amount', 'settle_diff', 'bank_only'));
comment on table payments.break is 'where two parties'' papers differ: a channel''s or bank''s and the books, or a biller''s (channel biller:ID) and what it was told. ref: the document as the books know it; about: our attempt, refund or order, where known; severity 1 is grave and stops the day''s remittance: a person''s decision, proposed_by, counts once a second one agrees';
