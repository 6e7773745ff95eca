create table billing.dispute (
  tenant_id integer not null,
  id uuid not null,
  bill_id uuid not null,
  biller_id text not null,
  payer text,
  reason text not null,
  note_sealed bytea,
  state text not null check (state in ('open', 'upheld', 'kept', 'withdrawn')),
  amount_fen bigint not null,
  asked_by text not null,
  asked_on date not null,
  asked_at timestamptz not null,
  due_at timestamptz not null,
  task_id uuid,
  answer text,
  decided_by text,
  decided_on date,
  decided_at timestamptz,
  primary key (tenant_id, id),
  check ((state = 'open') = (decided_at is null))
);
comment on table billing.dispute is 'personal: bills a resident asked the biller to check. While open no late fee grows, nothing is debited and nobody is reminded; amount_fen is what the bill said when asked. upheld: the bill is wrong and the biller corrects it; kept: it stands; payer is null when asked at the window';
create unique index dispute_bill on billing.dispute (tenant_id, bill_id) where state <> 'withdrawn';
create index dispute_open on billing.dispute (tenant_id, asked_at, id) where state = 'open';
grant select, insert, update on billing.dispute to yimen_app;
alter table billing.dispute enable row level security;
alter table billing.dispute force row level security;
create policy dispute_tenant on billing.dispute to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
