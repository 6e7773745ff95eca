create table billing.area_rule (
  tenant_id integer not null,
  prefix text not null,
  area_code text not null,
  set_by text not null,
  set_at timestamptz not null,
  primary key (tenant_id, prefix)
);
comment on table billing.area_rule is 'how an address begins and the community it lies in: billers tell addresses, not communities';

create table billing.switch_plan (
  tenant_id integer not null,
  id uuid not null,
  feature text not null,
  areas text[] not null,
  steps jsonb not null,
  open_from text,
  open_until text,
  budget_e4 integer not null check (budget_e4 between 0 and 10000),
  tries_min integer not null check (tries_min > 0),
  window_min integer not null check (window_min > 0),
  note text not null,
  asked_by text not null,
  asked_at timestamptz not null,
  decided_by text,
  decided_at timestamptz,
  is_agreed boolean,
  ended_by text,
  ended_at timestamptz,
  end_why text check (end_why in ('budget', 'person', 'replaced')),
  end_note text,
  end_tries integer,
  end_failures integer,
  primary key (tenant_id, id)
);
comment on table billing.switch_plan is 'who may use a feature from when on: communities, growing share of their accounts by instant, hours of the day. Asked for by one person, agreed by another; ended by one, or by itself when more than budget_e4 ten-thousandths of at least tries_min tries in window_min minutes fail';
create index switch_plan_feature on billing.switch_plan (tenant_id, feature, decided_at desc) where is_agreed;
create index switch_plan_open on billing.switch_plan (tenant_id, asked_at) where decided_at is null;

grant select, insert, update on billing.switch_plan to yimen_app;
grant select, insert, update, delete on billing.area_rule to yimen_app;

alter table billing.area_rule enable row level security;
alter table billing.area_rule force row level security;
create policy area_rule_tenant on billing.area_rule to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.switch_plan enable row level security;
alter table billing.switch_plan force row level security;
create policy switch_plan_tenant on billing.switch_plan to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
