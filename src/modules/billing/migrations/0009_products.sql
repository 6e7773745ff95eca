create table billing.product (
  tenant_id integer not null,
  biller_id text not null,
  code text not null,
  version text not null,
  body jsonb not null,
  first_seen_at timestamptz not null,
  primary key (tenant_id, biller_id, code, version)
);
comment on table billing.product is 'what a biller offered to be ordered, word for word, in each version it was seen in; never changed, a change is another version';

create table billing.product_order (
  tenant_id integer not null,
  id uuid not null,
  code text not null,
  biller_id text not null,
  account_id uuid not null,
  order_id uuid not null,
  payer text not null,
  product_code text not null,
  version text not null,
  slot text not null,
  amount_fen bigint not null check (amount_fen >= 0),
  lang text not null,
  wording text not null,
  wording_sha256 bytea not null,
  placed_at timestamptz not null,
  accepted_at timestamptz,
  ended_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, code)
);
comment on table billing.product_order is 'personal: an ordering a resident agreed to, word for word, with its digest. order_id: its payment, or its own id where nothing is paid; accepted_at: the biller works on it; ended_at: done, refused, taken back or never paid. Its telling is a posting, its payment an order of payments';
create unique index product_order_live on billing.product_order (tenant_id, account_id, slot) where ended_at is null;
create index product_order_payer on billing.product_order (tenant_id, payer, placed_at desc);

grant select, insert on billing.product to yimen_app;
grant select, insert, update on billing.product_order to yimen_app;

-- What costs nothing now is told to its biller like the rest.
alter table billing.posting drop constraint posting_amount_fen_check;
alter table billing.posting add constraint posting_amount_fen_check check (amount_fen >= 0);

alter table billing.product enable row level security;
alter table billing.product force row level security;
create policy product_tenant on billing.product to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.product_order enable row level security;
alter table billing.product_order force row level security;
create policy product_order_tenant on billing.product_order to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
