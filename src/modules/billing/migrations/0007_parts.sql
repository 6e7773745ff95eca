alter table billing.posting
  add column late_fee_fen bigint not null default 0 check (late_fee_fen >= 0),
  add column rebate_fen bigint not null default 0 check (rebate_fen >= 0);
comment on column billing.posting.late_fee_fen is 'of the amount; the rest is principal';
comment on column billing.posting.rebate_fen is 'what the biller counts as paid beyond the amount, because the bill was paid early';
