create table billing.tax_invoice (
  tenant_id integer not null,
  id uuid not null,
  order_id uuid not null,
  bill_id uuid not null,
  biller_id text not null,
  state text not null check (state in ('asked', 'sent', 'issued', 'refused')),
  buyer_sealed bytea not null,
  number text,
  href text,
  failure text,
  tries integer not null,
  due_at timestamptz not null,
  asked_at timestamptz not null,
  finished_at timestamptz,
  primary key (tenant_id, id)
);
comment on table billing.tax_invoice is 'personal: electronic tax invoices payers asked a biller for. The biller writes and keeps them; here is what was asked, and where it is. sent: the biller was told, its answer is out';
create unique index tax_invoice_open on billing.tax_invoice (tenant_id, order_id, bill_id) where state <> 'refused';
create index tax_invoice_order on billing.tax_invoice (tenant_id, order_id);
create index tax_invoice_due on billing.tax_invoice (tenant_id, due_at) where state in ('asked', 'sent');
grant select, insert, update on billing.tax_invoice to yimen_app;
alter table billing.tax_invoice enable row level security;
alter table billing.tax_invoice force row level security;
create policy tax_invoice_tenant on billing.tax_invoice to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
