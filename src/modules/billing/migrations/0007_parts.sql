alter table billing.posting
  add column late_fee_fen bigint not null default 0 check (late_fee_fen >= 0),
  add column rebate_fen bigint not null default 0 check (rebate_fen >= 0);
comment on column billing.posting.late_fee_fen is 'of the amount; the rest is principal';
comment on column billing.posting.rebate_fen is 'what the biller counts as paid beyond the amount, because the bill was paid early';

create table billing.top_up (
  tenant_id integer not null,
  id uuid not null,
  order_id uuid not null,
  account_id uuid not null,
  amount_fen bigint not null check (amount_fen > 0),
  placed_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, order_id)
);
comment on table billing.top_up is 'what was paid in advance, by the id its order''s line carries, and the account it is for';

create table billing.prepaid_use (
  tenant_id integer not null,
  bill_id uuid not null,
  order_id uuid not null,
  primary key (tenant_id, bill_id, order_id)
);
comment on table billing.prepaid_use is 'bills paid from what was held in advance, so that one given back is not taken again';

grant select, insert on billing.top_up, billing.prepaid_use to yimen_app;

alter table billing.top_up enable row level security;
alter table billing.top_up force row level security;
create policy top_up_tenant on billing.top_up to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.prepaid_use enable row level security;
alter table billing.prepaid_use force row level security;
create policy prepaid_use_tenant on billing.prepaid_use to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
