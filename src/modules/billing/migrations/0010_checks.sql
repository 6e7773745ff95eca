create table billing.check_file (
  tenant_id integer not null,
  biller_id text not null,
  day date not null,
  id uuid not null,
  sha256 bytea not null,
  name text not null,
  rows integer not null,
  total_fen bigint not null,
  received_at timestamptz not null,
  received_by text not null,
  file_sealed bytea not null,
  primary key (tenant_id, biller_id, day),
  unique (tenant_id, id)
);
comment on table billing.check_file is 'the file of each day in which a biller says what it has booked, whole and agreeing with its own totals; one that comes later for the same day takes the place of the earlier';

create table billing.check_row (
  tenant_id integer not null,
  biller_id text not null,
  day date not null,
  posting_no text not null,
  bill_no text not null,
  account_no text not null,
  amount_fen bigint not null check (amount_fen > 0),
  is_reversed boolean not null,
  primary key (tenant_id, biller_id, day, posting_no)
);
comment on table billing.check_row is 'personal: postings as billers state them, by the day they wrote them down';
create index check_row_posting on billing.check_row (tenant_id, posting_no);

create table billing.check_break (
  tenant_id integer not null,
  id uuid not null,
  biller_id text not null,
  day date not null,
  class text not null check (class in ('biller_missing', 'biller_only', 'amount')),
  severity smallint not null check (severity between 1 and 3),
  posting_no text not null,
  order_id uuid,
  told_fen bigint,
  stated_fen bigint,
  opened_at timestamptz not null,
  tries integer not null,
  due_at timestamptz not null,
  task_id uuid,
  proposed_by text,
  resolution text,
  reason text,
  note text,
  resolved_by text,
  resolved_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, biller_id, class, posting_no)
);
comment on table billing.check_break is 'where what a biller has booked and what it was told differ; severity 1 is grave, takes two persons and stops the biller''s settlements from that day on';
create index check_break_open on billing.check_break (tenant_id, severity, opened_at) where resolved_at is null;

create table billing.check_wait (
  tenant_id integer not null,
  biller_id text not null,
  day date not null,
  tries integer not null,
  due_at timestamptz not null,
  why text not null,
  primary key (tenant_id, biller_id, day)
);
comment on table billing.check_wait is 'days whose check file was asked for and is not in: why, and when it is asked for again';

grant select, insert, update, delete on billing.check_file, billing.check_row, billing.check_wait to yimen_app;
grant select, insert, update on billing.check_break to yimen_app;

alter table billing.check_file enable row level security;
alter table billing.check_file force row level security;
create policy check_file_tenant on billing.check_file to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.check_row enable row level security;
alter table billing.check_row force row level security;
create policy check_row_tenant on billing.check_row to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.check_break enable row level security;
alter table billing.check_break force row level security;
create policy check_break_tenant on billing.check_break to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.check_wait enable row level security;
alter table billing.check_wait force row level security;
create policy check_wait_tenant on billing.check_wait to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
