create table billing.past_batch (
  tenant_id integer not null,
  id uuid not null,
  biller_id text not null,
  file_name text not null,
  sha256 bytea not null,
  rows integer not null,
  kept integer not null,
  kept_fen bigint not null,
  taken_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, biller_id, sha256),
  foreign key (tenant_id, biller_id) references billing.biller (tenant_id, id)
);
comment on table billing.past_batch is 'files of payments the old system took; the same file again changes nothing. kept: rows that were new with it';

create table billing.past_payment (
  tenant_id integer not null,
  biller_id text not null,
  payment_no text not null,
  account_no text not null,
  bill_no text,
  paid_on date not null,
  amount_fen bigint not null check (amount_fen > 0),
  channel text,
  batch_id uuid not null,
  primary key (tenant_id, biller_id, payment_no),
  foreign key (tenant_id, batch_id) references billing.past_batch (tenant_id, id)
);
comment on table billing.past_payment is 'personal: payments taken by the system before this one, to be looked up; never booked, never due. By account number, for the account may come later';
create index past_payment_account on billing.past_payment (tenant_id, biller_id, account_no, paid_on desc);
create index past_payment_batch on billing.past_payment (tenant_id, batch_id);

create table billing.shadow_file (
  tenant_id integer not null,
  biller_id text not null,
  day date not null,
  id uuid not null,
  file_name text not null,
  sha256 bytea not null,
  kept integer not null,
  kept_fen bigint not null,
  taken_at timestamptz not null,
  taken_by text not null,
  primary key (tenant_id, biller_id, day),
  unique (tenant_id, id),
  foreign key (tenant_id, biller_id) references billing.biller (tenant_id, id)
);
comment on table billing.shadow_file is 'the old system''s file of payments of a day, taken to be compared with ours; one that comes later for the same day takes the place of the earlier';

create table billing.shadow_row (
  tenant_id integer not null,
  biller_id text not null,
  day date not null,
  payment_no text not null,
  account_no text not null,
  bill_no text not null,
  amount_fen bigint not null check (amount_fen > 0),
  primary key (tenant_id, biller_id, day, payment_no),
  foreign key (tenant_id, biller_id, day) references billing.shadow_file (tenant_id, biller_id, day)
);
comment on table billing.shadow_row is 'personal: what the old system took on a day, payment by payment';

create unlogged table billing.past_stage (
  tenant_id integer not null,
  batch_id uuid not null,
  line integer not null,
  payment_no text not null,
  account_no text not null,
  bill_no text,
  paid_on date not null,
  amount_fen bigint not null,
  channel text
);
comment on table billing.past_stage is 'personal: rows of a file of payments while it is taken in; filled and emptied within one transaction, so nobody ever sees a row';
-- No row security here: COPY into a table that has it is refused by the server.

-- What we took on a day, biller by biller, is what the old system's day is held against.
create index posting_paid on billing.posting (tenant_id, biller_id, paid_at);

grant select, insert on billing.past_batch, billing.past_payment to yimen_app;
grant select, insert, update on billing.shadow_file to yimen_app;
grant select, insert, delete on billing.shadow_row, billing.past_stage to yimen_app;

alter table billing.past_batch enable row level security;
alter table billing.past_batch force row level security;
create policy past_batch_tenant on billing.past_batch to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.past_payment enable row level security;
alter table billing.past_payment force row level security;
create policy past_payment_tenant on billing.past_payment to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.shadow_file enable row level security;
alter table billing.shadow_file force row level security;
create policy shadow_file_tenant on billing.shadow_file to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.shadow_row enable row level security;
alter table billing.shadow_row force row level security;
create policy shadow_row_tenant on billing.shadow_row to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
