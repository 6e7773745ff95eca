alter table payments.bank_move drop constraint bank_move_kind_check;
alter table payments.bank_move add constraint bank_move_kind_check check (kind in ('settle', 'debit', 'cash', 'remit', 'other'));
comment on column payments.bank_move.party is 'a channel, the bank that debits, or a biller; of a debit mchid is the number of the batch, of cash the drawer';
