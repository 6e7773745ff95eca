create table billing.config_version (
  tenant_id integer not null,
  no integer not null,
  sha256 bytea not null,
  document text not null,
  taken_at timestamptz not null,
  taken_by text not null,
  primary key (tenant_id, no)
);
comment on table billing.config_version is 'configuration as it stood, whole, before the first and after each document that was brought in; numbered from 1. Nothing personal';

grant select, insert on billing.config_version to yimen_app;

alter table billing.config_version enable row level security;
alter table billing.config_version force row level security;
create policy config_version_tenant on billing.config_version to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
