alter table billing.bill add column settled_before boolean not null default false;
comment on column billing.bill.settled_before is 'paid at the biller, before this installation took over or elsewhere since: not open, and no payment of ours';

create unlogged table billing.import_stage (
  tenant_id integer not null,
  batch_id uuid not null,
  line integer not null,
  id uuid not null,
  code text not null,
  account_no text not null,
  holder text not null,
  address text not null,
  bill_no text not null,
  period_from text not null,
  period_to text not null,
  amount_fen bigint not null,
  due_on date not null,
  usage_e3 bigint,
  reading_from_e3 bigint,
  reading_to_e3 bigint,
  lines jsonb not null,
  is_closed boolean not null
);
comment on table billing.import_stage is 'personal: rows of a file while its import runs; filled and emptied within one transaction, so nobody ever sees a row';
-- No row security here: COPY into a table that has it is refused by the server.

create table billing.push_nonce (
  tenant_id integer not null,
  client_id text not null,
  nonce text not null,
  expires_at timestamptz not null,
  primary key (tenant_id, client_id, nonce)
);
comment on table billing.push_nonce is 'nonces of signed pushes while their time stamp is fresh: each is good once';
create index push_nonce_expiry on billing.push_nonce (tenant_id, expires_at);

create table billing.client (
  tenant_id integer not null,
  biller_id text not null,
  purpose text not null check (purpose in ('push', 'call')),
  client_id text not null,
  secret_sealed bytea not null,
  base_url text,
  hourly_max integer not null check (hourly_max > 0),
  hour_at timestamptz not null,
  used integer not null check (used >= 0),
  opened_at timestamptz not null,
  revoked_at timestamptz,
  primary key (tenant_id, biller_id, purpose, client_id),
  foreign key (tenant_id, biller_id) references billing.biller (tenant_id, id),
  check ((purpose = 'call') = (base_url is not null))
);
comment on table billing.client is 'credentials shared with billers: push, their system sends us bills; call, we ask and tell theirs. Secrets sealed; used counts the pushes of the hour';
grant select, insert, update on billing.client to yimen_app;

grant select, insert, delete on billing.import_stage, billing.push_nonce to yimen_app;

-- Row security is the floor beneath the tenant condition every query carries.
alter table billing.client enable row level security;
alter table billing.client force row level security;
create policy client_tenant on billing.client to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.push_nonce enable row level security;
alter table billing.push_nonce force row level security;
create policy push_nonce_tenant on billing.push_nonce to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
