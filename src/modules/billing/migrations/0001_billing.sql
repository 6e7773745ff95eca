create schema billing;
grant usage on schema billing to yimen_app;

create table billing.biller (
  tenant_id integer not null,
  id text not null check (id ~ '^[a-z][a-z0-9_]{1,30}$'),
  name_zh text not null,
  name_en text not null,
  service_zh text not null,
  service_en text not null,
  unit text not null,
  payable_account_id integer not null,
  is_online boolean not null,
  config jsonb not null,
  opened_at timestamptz not null,
  primary key (tenant_id, id)
);
comment on table billing.biller is 'who is paid; rules, account number form and file mappings are configuration (config), not code';

create table billing.tariff (
  tenant_id integer not null,
  biller_id text not null,
  id text not null,
  valid_from date not null,
  valid_to date,
  body jsonb not null,
  published_at timestamptz not null,
  primary key (tenant_id, biller_id, id)
);
comment on table billing.tariff is 'published price lists with validity; a change is a new row, the old one stays as history';

create table billing.account (
  tenant_id integer not null,
  id uuid not null,
  biller_id text not null,
  account_no text not null,
  holder_mask text not null,
  holder_sealed bytea,
  address_mask text not null,
  address_sealed bytea,
  is_closed boolean not null,
  opened_at timestamptz not null,
  tried_at timestamptz,
  asked_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, biller_id, account_no)
);
create index account_no_prefix on billing.account (tenant_id, account_no text_pattern_ops);
comment on table billing.account is 'personal: a household''s account at a biller; name and address sealed, shown masked. tried_at, asked_at: when the biller was last asked about it, and when it last answered';

create table billing.batch (
  tenant_id integer not null,
  id uuid not null,
  biller_id text not null,
  file_name text not null,
  sha256 bytea not null,
  rows integer not null,
  total_fen bigint not null,
  imported_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, biller_id, sha256)
);
comment on table billing.batch is 'bill files taken in; the same file again changes nothing';

create table billing.bill (
  tenant_id integer not null,
  id uuid not null,
  code text not null,
  biller_id text not null,
  account_id uuid not null,
  bill_no text not null,
  period_from text not null check (period_from ~ '^[0-9]{4}-[0-9]{2}$'),
  period_to text not null check (period_to ~ '^[0-9]{4}-[0-9]{2}$'),
  amount_fen bigint not null check (amount_fen > 0),
  due_on date not null,
  usage_e3 bigint,
  reading_from_e3 bigint,
  reading_to_e3 bigint,
  lines jsonb not null,
  batch_id uuid,
  issued_at timestamptz not null,
  withdrawn_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, code),
  unique (tenant_id, biller_id, bill_no)
);
comment on table billing.bill is 'what a biller asks for one account and period; paid or not is known by payments alone';
create index bill_account on billing.bill (tenant_id, account_id, period_to desc);

create table billing.posting (
  tenant_id integer not null,
  id uuid not null,
  order_id uuid not null,
  bill_id uuid not null,
  biller_id text not null,
  state smallint not null check (state between 1 and 7),
  amount_fen bigint not null check (amount_fen > 0),
  paid_at timestamptz not null,
  failure text,
  tries integer not null,
  due_at timestamptz not null,
  finished_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, order_id, bill_id)
);
comment on table billing.posting is 'telling the biller: 1 held 2 sent 3 posted 4 unknown 5 rejected 6 reversing 7 reversed';
create index posting_due on billing.posting (tenant_id, due_at) where finished_at is null;

create table billing.binding (
  tenant_id integer not null,
  payer text not null,
  account_id uuid not null,
  relation text not null check (relation in ('owner', 'tenant', 'helper')),
  nickname text,
  shared_by text,
  bound_at timestamptz not null,
  primary key (tenant_id, payer, account_id)
);
comment on table billing.binding is 'personal: accounts a resident keeps at hand, own or shared by family';

create table billing.wrong_payment (
  tenant_id integer not null,
  id uuid not null,
  order_id uuid not null,
  reason text not null,
  note_sealed bytea,
  state text not null check (state in ('asked', 'returned', 'declined')),
  answer text,
  due_at timestamptz not null,
  asked_at timestamptz not null,
  answered_at timestamptz,
  task_id uuid,
  primary key (tenant_id, id),
  unique (tenant_id, order_id)
);
comment on table billing.wrong_payment is 'wrong-payment rescue: one request per order, on a clock; task_id is the deadline of those a person answers';
create index wrong_payment_asked on billing.wrong_payment (tenant_id, asked_at) where state = 'asked';

grant select, insert, update on billing.biller, billing.tariff, billing.account, billing.bill, billing.posting, billing.wrong_payment to yimen_app;
grant select, insert on billing.batch to yimen_app;
grant select, insert, update, delete on billing.binding to yimen_app;

create table billing.receipt_counter (
  tenant_id integer not null,
  day date not null,
  last integer not null,
  primary key (tenant_id, day)
);
comment on table billing.receipt_counter is 'last receipt number of a day; its row lock makes the numbers gapless';

create table billing.receipt (
  tenant_id integer not null,
  order_id uuid not null,
  bill_id uuid not null,
  receipt_no text not null,
  entry_id uuid not null,
  issued_at timestamptz not null,
  primary key (tenant_id, order_id, bill_id),
  unique (tenant_id, receipt_no)
);
comment on table billing.receipt is 'receipt numbers given, and the trail entry that proves each';
grant select, insert, update on billing.receipt_counter to yimen_app;
grant select, insert on billing.receipt to yimen_app;

-- Row security is the floor beneath the tenant condition every query carries.
alter table billing.biller enable row level security;
alter table billing.biller force row level security;
create policy biller_tenant on billing.biller to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.tariff enable row level security;
alter table billing.tariff force row level security;
create policy tariff_tenant on billing.tariff to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.account enable row level security;
alter table billing.account force row level security;
create policy account_tenant on billing.account to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.batch enable row level security;
alter table billing.batch force row level security;
create policy batch_tenant on billing.batch to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.bill enable row level security;
alter table billing.bill force row level security;
create policy bill_tenant on billing.bill to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.posting enable row level security;
alter table billing.posting force row level security;
create policy posting_tenant on billing.posting to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.binding enable row level security;
alter table billing.binding force row level security;
create policy binding_tenant on billing.binding to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.wrong_payment enable row level security;
alter table billing.wrong_payment force row level security;
create policy wrong_payment_tenant on billing.wrong_payment to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.receipt_counter enable row level security;
alter table billing.receipt_counter force row level security;
create policy receipt_counter_tenant on billing.receipt_counter to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.receipt enable row level security;
alter table billing.receipt force row level security;
create policy receipt_tenant on billing.receipt to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
