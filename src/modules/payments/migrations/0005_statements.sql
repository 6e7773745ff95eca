alter table payments.break drop constraint break_class_check;
alter table payments.break add constraint break_class_check check (class in (
  'channel_only', 'ledger_only', 'amount', 'refund_only', 'refund_missing', 'duplicate_in_file', 'debit_missing', 'debit_unknown', 'debit_conflict',
  'biller_missing', 'biller_only', 'biller_amount', 'settle_diff', 'bank_only'));
comment on table payments.break is 'where two parties'' papers differ: a channel''s or bank''s and the books, or a biller''s (channel biller:ID) and what it was told. ref: the document as the books know it; about: our attempt, refund or order, where known; severity 1 is grave and stops the day''s remittance: a person''s decision, proposed_by, counts once a second one agrees';

create table payments.bank_account (
  tenant_id integer not null,
  bank text not null,
  held_by text not null check (held_by in ('bank', 'own')),
  account_id integer not null,
  fee_account_id integer not null,
  rounding_account_id integer not null,
  opened_at timestamptz not null,
  primary key (tenant_id, bank)
);
comment on table payments.bank_account is 'the account channels pay into and billers are paid from. held_by bank: supervised, the rule; own: money passes through the platform''s hands, which needs a licence';

create table payments.bank_file (
  tenant_id integer not null,
  id uuid not null,
  bank text not null,
  day date not null,
  sha256 bytea not null,
  name text not null,
  rows integer not null,
  opening_fen bigint not null,
  closing_fen bigint not null,
  received_at timestamptz not null,
  received_by text not null,
  bytes_sealed bytea not null,
  primary key (tenant_id, id),
  unique (tenant_id, bank, sha256)
);
comment on table payments.bank_file is 'personal: statements of a bank account as received, sealed; the same bytes count once';

create table payments.bank_move (
  tenant_id integer not null,
  bank text not null,
  serial text not null,
  file_id uuid not null,
  line integer not null,
  at timestamptz not null,
  amount_fen bigint not null check (amount_fen <> 0),
  kind text not null check (kind in ('settle', 'remit', 'other')),
  party text not null,
  mchid text not null,
  about_day date not null,
  booked_at timestamptz,
  primary key (tenant_id, bank, serial)
);
comment on table payments.bank_move is 'movements on a bank account by the bank''s own number, in positive, out negative: told twice, it is one. booked_at is empty while nothing of ours explains it';
create index bank_move_unbooked on payments.bank_move (tenant_id, kind, about_day) where booked_at is null;

create table payments.settled_day (
  tenant_id integer not null,
  channel text not null,
  mchid text not null,
  day date not null,
  rows integer not null,
  gross_fen bigint not null,
  fee_e5 bigint not null,
  fee_fen bigint not null,
  rounding_fen bigint not null,
  bank text not null,
  serial text not null,
  booked_at timestamptz not null,
  primary key (tenant_id, channel, mchid, day)
);
comment on table payments.settled_day is 'days of a channel that were paid out, by the movement that paid them; several days may share one. fee_e5: 1/100000 yuan as stated, fee_fen as booked; rounding_fen stands on the day the payout names';
create index settled_day_move on payments.settled_day (tenant_id, bank, serial);

grant select, insert, update on payments.bank_account, payments.bank_move to yimen_app;
grant select, insert on payments.bank_file, payments.settled_day to yimen_app;

create table payments.statement_half (
  tenant_id integer not null,
  channel text not null,
  mchid text not null,
  day date not null,
  half text not null check (half in ('success', 'refund')),
  name text not null,
  sha256 bytea not null,
  bytes_sealed bytea not null,
  received_at timestamptz not null,
  received_by text not null,
  primary key (tenant_id, channel, mchid, day, half)
);
comment on table payments.statement_half is 'personal: tables of payments or refunds alone, sealed, kept until the other of the same day is in';
grant select, insert, update on payments.statement_half to yimen_app;

create table payments.card_move (
  tenant_id integer not null,
  terminal text not null,
  day date not null,
  reference text not null,
  order_id uuid not null,
  refund_id uuid,
  amount_fen bigint not null check (amount_fen <> 0),
  last4 text not null,
  clerk_id text not null,
  at timestamptz not null,
  primary key (tenant_id, terminal, day, reference)
);
comment on table payments.card_move is 'personal: cards taken on a terminal beside the desk, and money given back on it, by the terminal''s own reference. last4: of the card, as its slip shows it';
create index card_move_order on payments.card_move (tenant_id, order_id);
create unique index card_move_refund on payments.card_move (tenant_id, refund_id) where refund_id is not null;
create index card_move_clerk on payments.card_move (tenant_id, clerk_id, at);
grant select, insert on payments.card_move to yimen_app;
