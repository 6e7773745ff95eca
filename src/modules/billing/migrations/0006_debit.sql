create table billing.debit_mandate (
  tenant_id integer not null,
  id uuid not null,
  payer text not null,
  account_id uuid not null,
  bank_mandate_id uuid not null,
  state text not null check (state in ('pending', 'active', 'suspended', 'ended')),
  version integer not null,
  lang text not null,
  why text,
  opened_at timestamptz not null,
  ended_at timestamptz,
  primary key (tenant_id, id)
);
comment on table billing.debit_mandate is 'personal: a resident''s leave to pay the bills of one account from a bank card by themselves. pending: the bank has not agreed yet; suspended: it would not debit any more; why: the reason';
create unique index debit_mandate_live on billing.debit_mandate (tenant_id, payer, account_id) where state <> 'ended';
create unique index debit_mandate_bank on billing.debit_mandate (tenant_id, bank_mandate_id);
create index debit_mandate_state on billing.debit_mandate (tenant_id, state);

create table billing.debit_version (
  tenant_id integer not null,
  mandate_id uuid not null,
  version integer not null,
  replaces integer,
  ceiling_fen bigint not null check (ceiling_fen > 0),
  days_before integer not null check (days_before between 0 and 15),
  until_on date,
  wording text not null,
  wording_sha256 bytea not null,
  consented_at timestamptz not null,
  primary key (tenant_id, mandate_id, version)
);
comment on table billing.debit_version is 'personal: what a resident agreed to, word for word, with its digest: a change is a new version that names the one it replaces';

create table billing.debit_item (
  tenant_id integer not null,
  mandate_id uuid not null,
  bill_id uuid not null,
  try integer not null,
  version integer not null,
  day date not null,
  amount_fen bigint not null check (amount_fen > 0),
  order_id uuid,
  outcome text not null check (outcome in ('waiting', 'debited', 'failed', 'returned', 'withdrawn', 'over_ceiling')),
  failure text,
  settled_at timestamptz,
  primary key (tenant_id, mandate_id, bill_id, try)
);
comment on table billing.debit_item is 'each try to pay a bill by a mandate and what came of it; try 0: not tried, the amount was over the ceiling';
create unique index debit_item_order on billing.debit_item (tenant_id, order_id) where order_id is not null;
create index debit_item_bill on billing.debit_item (tenant_id, bill_id);

grant select, insert, update on billing.debit_mandate, billing.debit_item to yimen_app;
grant select, insert on billing.debit_version to yimen_app;

alter table billing.debit_mandate enable row level security;
alter table billing.debit_mandate force row level security;
create policy debit_mandate_tenant on billing.debit_mandate to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.debit_version enable row level security;
alter table billing.debit_version force row level security;
create policy debit_version_tenant on billing.debit_version to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.debit_item enable row level security;
alter table billing.debit_item force row level security;
create policy debit_item_tenant on billing.debit_item to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
