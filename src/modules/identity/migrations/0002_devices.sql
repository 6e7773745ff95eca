create table identity.device (
  tenant_id integer not null,
  id uuid not null,
  kind text not null check (kind in ('kiosk', 'screen', 'desk')),
  title text not null check (char_length(title) between 1 and 40),
  place text not null check (char_length(place) <= 60),
  area_code text,
  added_at timestamptz not null,
  code_digest bytea check (octet_length(code_digest) = 32),
  code_expires_at timestamptz,
  token_digest bytea check (octet_length(token_digest) = 32),
  public_key bytea check (octet_length(public_key) <= 200),
  fingerprint text check (fingerprint ~ '^[0-9a-f]{64}$'),
  enrolled_at timestamptz,
  challenged_at timestamptz,
  visit_digest bytea check (octet_length(visit_digest) = 32),
  visit_at timestamptz,
  seen_at timestamptz,
  state jsonb,
  silent_since timestamptz,
  slips integer not null check (slips >= 0),
  revoked_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, token_digest),
  unique (tenant_id, fingerprint),
  unique (tenant_id, code_digest),
  check (num_nulls(code_digest, code_expires_at) in (0, 2)),
  check (num_nulls(token_digest, public_key, fingerprint, enrolled_at) in (0, 4)),
  check (num_nulls(visit_digest, visit_at) in (0, 2))
) with (fillfactor = 70);
comment on table identity.device is 'machines of ours by the key they hold: how they joined, what they last said of themselves, the one visit a kiosk serves; challenged_at is the newest challenge answered, so that none counts twice';
create index device_seen on identity.device (tenant_id, seen_at) where revoked_at is null and silent_since is null;
grant select, insert, update on identity.device to yimen_app;

-- Row security is the floor beneath the tenant condition every query carries.
alter table identity.device enable row level security;
alter table identity.device force row level security;
create policy device_tenant on identity.device to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
