create table billing.journey (
  tenant_id integer not null,
  id uuid not null,
  visitor bytea not null,
  bill_id uuid not null,
  place text not null,
  way text not null,
  staff_id uuid,
  begun_at timestamptz not null,
  order_id uuid,
  confirmed_at timestamptz,
  ended_at timestamptz,
  primary key (tenant_id, id)
);
comment on table billing.journey is 'one path from a bill shown to its receipt, for step times and losses; visitor is a digest good for one day, so that paths of different days cannot be joined. staff_id: who looked the bill up at a window';
create index journey_visitor on billing.journey (tenant_id, visitor, bill_id, id desc);
create index journey_order on billing.journey (tenant_id, order_id) where order_id is not null;

grant select, insert, update on billing.journey to yimen_app;

alter table billing.journey enable row level security;
alter table billing.journey force row level security;
create policy journey_tenant on billing.journey to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
