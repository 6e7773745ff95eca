create table billing.late_fee_rule (
  tenant_id integer not null,
  id uuid not null,
  biller_id text not null,
  valid_from date not null,
  rule jsonb not null,
  note text not null,
  asked_by text not null,
  asked_at timestamptz not null,
  decided_by text,
  decided_at timestamptz,
  is_agreed boolean,
  primary key (tenant_id, id),
  foreign key (tenant_id, biller_id) references billing.biller (tenant_id, id)
);
comment on table billing.late_fee_rule is 'late fee rules of billers by their first day: asked for by one person, agreed by another, never for days gone by';
create unique index late_fee_rule_day on billing.late_fee_rule (tenant_id, biller_id, valid_from) where is_agreed;
create index late_fee_rule_open on billing.late_fee_rule (tenant_id, asked_at) where decided_at is null;

create table billing.waiver (
  tenant_id integer not null,
  id uuid not null,
  account_id uuid not null,
  from_on date not null,
  to_on date not null,
  reason text not null,
  note text,
  asked_by text not null,
  asked_at timestamptz not null,
  decided_by text,
  decided_at timestamptz,
  is_agreed boolean,
  primary key (tenant_id, id),
  check (from_on <= to_on)
);
comment on table billing.waiver is 'days for which an account owes no late fee and why: asked for by one person, agreed by another';
create index waiver_account on billing.waiver (tenant_id, account_id) where is_agreed;
create index waiver_open on billing.waiver (tenant_id, asked_at) where decided_at is null;

grant select, insert, update on billing.late_fee_rule, billing.waiver to yimen_app;

alter table billing.late_fee_rule enable row level security;
alter table billing.late_fee_rule force row level security;
create policy late_fee_rule_tenant on billing.late_fee_rule to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.waiver enable row level security;
alter table billing.waiver force row level security;
create policy waiver_tenant on billing.waiver to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
