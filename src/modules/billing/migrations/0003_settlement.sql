create table billing.settlement (
  tenant_id integer not null,
  biller_id text not null,
  day date not null,
  id uuid not null,
  made_at timestamptz not null,
  rows integer not null,
  collected_fen bigint not null,
  returned_fen bigint not null,
  sha256 bytea not null,
  file_sealed bytea not null,
  primary key (tenant_id, biller_id, day),
  unique (tenant_id, id),
  foreign key (tenant_id, biller_id) references billing.biller (tenant_id, id)
);
comment on table billing.settlement is 'personal: what was collected for a biller and given back, day by day, as the file it gets; made once, when the day agrees with the channels. Sealed';

create table billing.settlement_line (
  tenant_id integer not null,
  biller_id text not null,
  ref text not null,
  code text not null,
  day date not null,
  net_fen bigint not null,
  primary key (tenant_id, biller_id, ref, code)
);
comment on table billing.settlement_line is 'bookings a settlement holds: the key keeps each from standing in two. What is booked late for a day comes with the next';

grant select, insert on billing.settlement, billing.settlement_line to yimen_app;

alter table billing.settlement enable row level security;
alter table billing.settlement force row level security;
create policy settlement_tenant on billing.settlement to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.settlement_line enable row level security;
alter table billing.settlement_line force row level security;
create policy settlement_line_tenant on billing.settlement_line to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
