create schema trail;
grant usage on schema trail to yimen_app, yimen_sequencer;

-- No further index and no row security: one insert here stands in every business transaction, and hot paths insert
-- by a single statement without a session setting. Rows live for a fraction of a second.
create table trail.pending (
  tenant_id integer not null,
  id uuid not null,
  at timestamptz not null,
  type text not null,
  version smallint not null,
  actor_kind text not null,
  actor_id text not null,
  subject_kind text not null,
  request_id text not null,
  ids uuid[] not null,
  subject_ids text[] not null,
  bodies text[] not null,
  primary key (tenant_id, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 20000, toast.autovacuum_vacuum_cost_delay = 0);
comment on table trail.pending is 'events of committed business transactions that have no index yet; drained by the sequencer. One row holds what one statement recorded: events of a kind, id that of the first';
-- What lives a moment is not worth compressing.
alter table trail.pending alter column ids set storage external, alter column subject_ids set storage external, alter column bodies set storage external;
grant select, insert on trail.pending to yimen_app;
grant select, delete on trail.pending to yimen_sequencer;

create view trail.pending_event with (security_invoker = true) as
  select p.tenant_id, e.id, p.at, p.type, p.version, p.actor_kind, p.actor_id, p.subject_kind, e.subject_id, p.request_id, e.body::jsonb as body
  from trail.pending p cross join lateral unnest(p.ids, p.subject_ids, p.bodies) as e(id, subject_id, body);
comment on view trail.pending_event is 'pending events, one a row, as trail.entry will show them';
grant select on trail.pending_event to yimen_app;

create table trail.entry (
  tenant_id integer not null,
  idx bigint not null check (idx >= 0),
  id uuid not null,
  at timestamptz not null,
  type text not null,
  version smallint not null,
  actor_kind text not null,
  actor_id text not null,
  subject_kind text not null,
  subject_id text not null,
  request_id text not null,
  canonical text not null,
  body jsonb not null,
  leaf bytea not null check (octet_length(leaf) = 32),
  primary key (tenant_id, idx),
  unique (tenant_id, id)
);
comment on table trail.entry is 'the sealed trail: one row per event in one order per tenant; canonical is the text that was hashed';
create index entry_subject on trail.entry (tenant_id, subject_kind, subject_id, idx);
grant select on trail.entry to yimen_app;
grant select, insert on trail.entry to yimen_sequencer;

create table trail.tile (
  tenant_id integer not null,
  level smallint not null,
  n bigint not null,
  width smallint not null check (width between 1 and 256),
  hashes bytea not null check (octet_length(hashes) = width * 32),
  primary key (tenant_id, level, n, width)
);
comment on table trail.tile is 'tiles of 256 tree hashes; level 0 only when full, upper levels at each width';
grant select on trail.tile to yimen_app;
grant select, insert on trail.tile to yimen_sequencer;

create table trail.checkpoint (
  tenant_id integer not null,
  size bigint not null check (size > 0),
  root bytea not null check (octet_length(root) = 32),
  note text not null,
  at timestamptz not null,
  primary key (tenant_id, size)
);
comment on table trail.checkpoint is 'signed state of the tree after each sealed batch';
grant select on trail.checkpoint to yimen_app;
grant select, insert on trail.checkpoint to yimen_sequencer;

create table trail.private (
  tenant_id integer not null,
  entry_id uuid not null,
  field text not null,
  salt bytea not null check (octet_length(salt) = 32),
  value bytea not null,
  primary key (tenant_id, entry_id, field)
);
comment on table trail.private is 'personal values behind the salted commitments of entries, encrypted; deleted on erasure without touching the tree';
grant select, insert, delete on trail.private to yimen_app;

create table trail.cursor (
  tenant_id integer not null,
  name text not null,
  idx bigint not null check (idx >= -1),
  primary key (tenant_id, name)
);
comment on table trail.cursor is 'last index each subscriber has worked through; -1 before the first';
grant select, insert, update, delete on trail.cursor to yimen_app;

create table trail.cursor_failure (
  tenant_id integer not null,
  name text not null,
  idx bigint not null,
  error text not null,
  attempts smallint not null check (attempts > 0),
  failed_at timestamptz not null,
  skipped_at timestamptz,
  primary key (tenant_id, name, idx)
);
comment on table trail.cursor_failure is 'entries a subscriber could not handle: retried up to the limit, then skipped in sight';
grant select, insert, update, delete on trail.cursor_failure to yimen_app;

create table trail.lease (
  bucket integer not null,
  holder text not null,
  epoch bigint not null check (epoch > 0),
  until timestamptz not null,
  primary key (bucket)
);
comment on table trail.lease is 'reference: which sequencer seals which bucket of tenants; a higher epoch fences the one before';
grant select, insert, update on trail.lease to yimen_sequencer;
grant select on trail.lease to yimen_app;

-- Row security is the floor beneath the tenant condition every query carries.
alter table trail.entry enable row level security;
alter table trail.entry force row level security;
create policy entry_tenant on trail.entry to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
create policy entry_sequencer on trail.entry to yimen_sequencer using (true) with check (true);

alter table trail.tile enable row level security;
alter table trail.tile force row level security;
create policy tile_tenant on trail.tile to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
create policy tile_sequencer on trail.tile to yimen_sequencer using (true) with check (true);

alter table trail.checkpoint enable row level security;
alter table trail.checkpoint force row level security;
create policy checkpoint_tenant on trail.checkpoint to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
create policy checkpoint_sequencer on trail.checkpoint to yimen_sequencer using (true) with check (true);

alter table trail.private enable row level security;
alter table trail.private force row level security;
create policy private_tenant on trail.private to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));

alter table trail.cursor enable row level security;
alter table trail.cursor force row level security;
create policy cursor_tenant on trail.cursor to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));

alter table trail.cursor_failure enable row level security;
alter table trail.cursor_failure force row level security;
create policy cursor_failure_tenant on trail.cursor_failure to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
