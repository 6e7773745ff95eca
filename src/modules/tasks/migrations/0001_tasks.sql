create schema tasks;
grant usage on schema tasks to yimen_app;

create table tasks.task (
  tenant_id integer not null,
  id uuid not null,
  kind text not null check (kind ~ '^[a-z_]+\.[a-z_]+$'),
  subject_kind text not null,
  subject_id text not null check (length(subject_id) between 1 and 200),
  title text not null check (length(title) between 1 and 200),
  assignee_id uuid,
  area_code text,
  clock text not null check (clock in ('working', 'natural')),
  minutes integer not null check (minutes > 0),
  ladder jsonb not null,
  started_at timestamptz not null,
  deadline_at timestamptz not null,
  paused_at timestamptz,
  next_rung smallint not null check (next_rung >= 0),
  next_at timestamptz,
  done_at timestamptz,
  outcome text check (outcome in ('done', 'cancelled')),
  primary key (tenant_id, id),
  check ((done_at is null) = (outcome is null)),
  check (paused_at is null or next_at is null)
);
comment on table tasks.task is 'every deadline of the product: what is due by whom, on which clock; the ladder is kept as it was when the task began';
create unique index task_open on tasks.task (tenant_id, kind, subject_kind, subject_id) where done_at is null;
create index task_next on tasks.task (tenant_id, next_at) where done_at is null and next_at is not null;
create index task_assignee on tasks.task (tenant_id, assignee_id, deadline_at) where done_at is null;
grant select, insert, update on tasks.task to yimen_app;

create table tasks.task_pause (
  tenant_id integer not null,
  task_id uuid not null,
  from_at timestamptz not null,
  to_at timestamptz check (to_at >= from_at),
  reason text not null,
  primary key (tenant_id, task_id, from_at),
  foreign key (tenant_id, task_id) references tasks.task (tenant_id, id)
);
comment on table tasks.task_pause is 'when a clock stood still and why; the deadline follows from these rows';
grant select, insert, update on tasks.task_pause to yimen_app;

create table tasks.task_rung (
  tenant_id integer not null,
  task_id uuid not null,
  rung smallint not null,
  level smallint not null check (level between 1 and 3),
  to_id uuid,
  fired_at timestamptz not null,
  primary key (tenant_id, task_id, rung),
  foreign key (tenant_id, task_id) references tasks.task (tenant_id, id)
);
comment on table tasks.task_rung is 'append-only; warnings given: one row per rung, so that none is given twice';
grant select, insert on tasks.task_rung to yimen_app;

create table tasks.superior (
  tenant_id integer not null,
  staff_id uuid not null,
  superior_id uuid not null,
  primary key (tenant_id, staff_id),
  check (staff_id <> superior_id)
);
comment on table tasks.superior is 'who is next up; who has no superior answers to the superior department';
grant select, insert, update, delete on tasks.superior to yimen_app;

-- Row security is the floor beneath the tenant condition every query carries.
alter table tasks.task enable row level security;
alter table tasks.task force row level security;
create policy task_tenant on tasks.task to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table tasks.task_pause enable row level security;
alter table tasks.task_pause force row level security;
create policy task_pause_tenant on tasks.task_pause to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table tasks.task_rung enable row level security;
alter table tasks.task_rung force row level security;
create policy task_rung_tenant on tasks.task_rung to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table tasks.superior enable row level security;
alter table tasks.superior force row level security;
create policy superior_tenant on tasks.superior to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
