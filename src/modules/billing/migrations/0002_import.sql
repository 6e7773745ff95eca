alter table billing.bill add column settled_before boolean not null default false;
comment on column billing.bill.settled_before is 'paid at the biller before this installation took over: not open, and no payment of ours';

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

create table billing.push_nonce (
  tenant_id integer not null,
  client_id text not null,
  nonce text not null,
  expires_at timestamptz not null,
  primary key (tenant_id, client_id, nonce)
);
comment on table billing.push_nonce is 'nonces of signed pushes while their time stamp is fresh: each is good once';
create index push_nonce_expiry on billing.push_nonce (tenant_id, expires_at);

grant select, insert, delete on billing.import_stage, billing.push_nonce to yimen_app;
