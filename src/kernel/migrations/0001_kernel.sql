grant usage on schema kernel to yimen_app, yimen_sequencer;
grant select on kernel.migration to yimen_app;

create table kernel.idempotency (
  tenant_id integer not null,
  scope text not null,
  key text not null,
  fingerprint bytea not null,
  answer jsonb,
  created_at timestamptz not null,
  primary key (tenant_id, scope, key)
);
comment on table kernel.idempotency is 'answers already given to a caller''s key, kept 90 days; written in the transaction of the act itself';
create index idempotency_age on kernel.idempotency (tenant_id, created_at);
grant select, insert, update, delete on kernel.idempotency to yimen_app;
alter table kernel.idempotency enable row level security;
alter table kernel.idempotency force row level security;
create policy idempotency_tenant on kernel.idempotency to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));

create table kernel.job (
  tenant_id integer not null,
  name text not null,
  ok_at timestamptz,
  rows bigint,
  failed_at timestamptz,
  failures integer not null,
  failure text,
  primary key (tenant_id, name)
);
comment on table kernel.job is 'daily work: when it last went well and on how many rows, and how often it has failed since';
grant select, insert, update on kernel.job to yimen_app;
alter table kernel.job enable row level security;
alter table kernel.job force row level security;
create policy job_tenant on kernel.job to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
