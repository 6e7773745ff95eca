alter table payments.statement add column discount_fen bigint not null default 0;
comment on column payments.statement.discount_fen is 'what discounts at our own cost kept from us, less what refunds gave back of it: stated amounts are those of orders, the payout is less by this and the fees';
alter table payments.settled_day add column discount_fen bigint not null default 0;
comment on column payments.settled_day.discount_fen is 'discounts at our own cost, booked to 6601 with the payout';

create table payments.payer_total (
  tenant_id integer not null,
  attempt_id uuid not null,
  given_fen bigint not null check (given_fen >= 0),
  primary key (tenant_id, attempt_id)
);
comment on table payments.payer_total is 'what the payer gave where the channel took a discount off, whoever bears it: shown on the receipt. The order is paid in full';
grant select, insert on payments.payer_total to yimen_app;
alter table payments.payer_total enable row level security;
alter table payments.payer_total force row level security;
create policy payer_total_tenant on payments.payer_total to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
