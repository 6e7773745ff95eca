alter table payments.order_line add column is_part boolean not null default false;
comment on column payments.order_line.is_part is 'pays its subject in part: once paid, the next order may take the subject''s claim over';

grant update on payments.claim to yimen_app;

create table payments.prepaid (
  tenant_id integer not null,
  id uuid not null,
  ledger_account_id integer not null,
  payer text not null,
  opened_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, ledger_account_id)
);
comment on table payments.prepaid is 'money paid in advance for a subject: its balance is the ledger''s; the row is the lock under which it is spent, and who topped it up last';
grant select, insert, update on payments.prepaid to yimen_app;
alter table payments.prepaid enable row level security;
alter table payments.prepaid force row level security;
create policy prepaid_tenant on payments.prepaid to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
