create table payments.debit_mandate (
  tenant_id integer not null,
  id uuid not null,
  bank text not null,
  mandate_no text not null,
  payer text not null,
  card_sealed bytea not null,
  card_mask text not null,
  state smallint not null check (state between 1 and 5),
  failure text,
  tries integer not null,
  due_at timestamptz not null,
  opened_at timestamptz not null,
  registered_at timestamptz,
  ended_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, bank, mandate_no)
);
comment on table payments.debit_mandate is 'personal: a payer''s leave at a bank to debit one card: 1 registering 2 active 3 refused 4 ending 5 ended. What for, and how much at most, is known by who asked for it';
create index debit_mandate_due on payments.debit_mandate (tenant_id, due_at) where state in (1, 4);

create table payments.debit_batch (
  tenant_id integer not null,
  id uuid not null,
  bank text not null,
  batch_no text not null,
  day date not null,
  state smallint not null check (state between 1 and 6),
  rows integer not null check (rows between 0 and 1000),
  total_fen bigint not null,
  sha256 bytea,
  tries integer not null,
  due_at timestamptz not null,
  opened_at timestamptz not null,
  sealed_at timestamptz,
  sent_at timestamptz,
  acked_at timestamptz,
  returned_at timestamptz,
  closed_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, bank, batch_no)
);
comment on table payments.debit_batch is 'debits asked of a bank in one file: 1 draft 2 sealed 3 sent 4 acked 5 returned 6 closed. rows, total_fen: of a draft what it holds now, then what was sealed';
create index debit_batch_open on payments.debit_batch (tenant_id, due_at) where state < 6;
create index debit_batch_day on payments.debit_batch (tenant_id, day);

create table payments.debit_row (
  tenant_id integer not null,
  attempt_id uuid not null,
  batch_id uuid not null,
  order_id uuid not null,
  mandate_id uuid not null,
  seq integer,
  order_no text not null,
  amount_fen bigint not null check (amount_fen > 0),
  purpose text not null,
  state smallint not null check (state between 1 and 7),
  failure text,
  bank_no text,
  return_no text,
  settled_at timestamptz,
  primary key (tenant_id, attempt_id),
  unique (tenant_id, order_no),
  unique (tenant_id, batch_id, seq)
);
comment on table payments.debit_row is 'one debit of a batch: 1 waiting 2 unknown 3 debited 4 failed 5 returned 6 withdrawn 7 late. Unknown until the bank says what became of it; the first answer counts. seq: its place in the file';
create index debit_row_order on payments.debit_row (tenant_id, order_id);
create index debit_row_mandate on payments.debit_row (tenant_id, mandate_id);

create table payments.debit_file (
  tenant_id integer not null,
  id uuid not null,
  bank text not null,
  kind text not null check (kind in ('O', 'A', 'R', 'B', '?')),
  name text not null,
  sha256 bytea not null,
  batch_id uuid,
  rows integer not null,
  total_fen bigint not null,
  refused text,
  bytes_sealed bytea not null,
  exchanged_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, bank, sha256)
);
comment on table payments.debit_file is 'personal: files exchanged with a bank as they were, sealed: O out, A acknowledgement, R return, B debits taken back, ? what could not be read. The same bytes count once; refused: why a file changed nothing';
create index debit_file_batch on payments.debit_file (tenant_id, batch_id);

grant select, insert, update on payments.debit_mandate, payments.debit_batch, payments.debit_row to yimen_app;
grant select, insert on payments.debit_file to yimen_app;

-- Names and cards stand here: row security as the floor, as it is beneath billing.
alter table payments.debit_mandate enable row level security;
alter table payments.debit_mandate force row level security;
create policy debit_mandate_tenant on payments.debit_mandate to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table payments.debit_batch enable row level security;
alter table payments.debit_batch force row level security;
create policy debit_batch_tenant on payments.debit_batch to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table payments.debit_row enable row level security;
alter table payments.debit_row force row level security;
create policy debit_row_tenant on payments.debit_row to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table payments.debit_file enable row level security;
alter table payments.debit_file force row level security;
create policy debit_file_tenant on payments.debit_file to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));

alter table payments.break drop constraint break_class_check;
alter table payments.break add constraint break_class_check check (class in (
  'channel_only', 'ledger_only', 'amount', 'refund_only', 'refund_missing', 'duplicate_in_file', 'debit_missing', 'debit_unknown', 'debit_conflict'));
