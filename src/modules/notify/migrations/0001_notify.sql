create schema notify;
grant usage on schema notify to yimen_app;

create table notify.message (
  tenant_id integer not null,
  id uuid not null,
  to_kind text not null check (to_kind in ('person', 'staff', 'phone')),
  to_id uuid,
  to_sealed bytea,
  to_blind bytea not null check (octet_length(to_blind) = 16),
  topic text not null,
  template text not null,
  params_sealed bytea not null,
  lang text not null check (lang in ('zh-CN', 'en')),
  channel text not null check (channel in ('in_app', 'sms', 'wechat')),
  state text not null check (state in ('queued', 'sent', 'failed', 'suppressed')),
  why text,
  is_urgent boolean not null,
  is_counted boolean not null,
  dedupe_key text not null check (length(dedupe_key) between 1 and 200),
  tries smallint not null check (tries >= 0),
  created_at timestamptz not null,
  due_at timestamptz not null,
  expires_at timestamptz,
  settled_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, dedupe_key),
  check ((to_kind = 'phone') = (to_sealed is not null)),
  check ((to_kind = 'phone') = (to_id is null)),
  check ((state = 'queued') = (settled_at is null))
);
comment on table notify.message is 'what was said to whom, once per dedupe_key; parameters and telephone encrypted; is_counted: it was charged to the budget of its day';
create index message_due on notify.message (tenant_id, due_at) where state = 'queued';
create index message_to on notify.message (tenant_id, to_kind, to_id, created_at);
grant select, insert, update on notify.message to yimen_app;

create table notify.preference (
  tenant_id integer not null,
  person_id uuid not null,
  channel text not null check (channel in ('sms', 'wechat')),
  topic text not null,
  opted_out boolean not null,
  changed_at timestamptz not null,
  primary key (tenant_id, person_id, channel, topic)
);
comment on table notify.preference is 'what a person does not want, by channel and topic; topic * is everything on that channel';
grant select, insert, update on notify.preference to yimen_app;

create table notify.address (
  tenant_id integer not null,
  person_id uuid not null,
  channel text not null check (channel in ('wechat')),
  address_sealed bytea not null,
  changed_at timestamptz not null,
  primary key (tenant_id, person_id, channel)
);
comment on table notify.address is 'where a person is reached beside the telephone, encrypted: the open id of the service account';
grant select, insert, update, delete on notify.address to yimen_app;

create table notify.budget (
  tenant_id integer not null,
  to_blind bytea not null check (octet_length(to_blind) = 16),
  day_on date not null,
  used integer not null check (used > 0),
  primary key (tenant_id, to_blind, day_on)
) with (fillfactor = 70);
comment on table notify.budget is 'messages of an ordinary kind given to somebody on a day';
grant select, insert, update, delete on notify.budget to yimen_app;

-- Row security is the floor beneath the tenant condition every query carries.
alter table notify.message enable row level security;
alter table notify.message force row level security;
create policy message_tenant on notify.message to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table notify.preference enable row level security;
alter table notify.preference force row level security;
create policy preference_tenant on notify.preference to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table notify.address enable row level security;
alter table notify.address force row level security;
create policy address_tenant on notify.address to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table notify.budget enable row level security;
alter table notify.budget force row level security;
create policy budget_tenant on notify.budget to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
