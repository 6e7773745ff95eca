create table billing.check_file (
  tenant_id integer not null,
  id uuid not null,
  biller_id text not null,
  day date not null,
  sha256 bytea not null,
  name text not null,
  rows integer not null,
  sum_fen bigint not null,
  received_at timestamptz not null,
  received_by text not null,
  superseded_at timestamptz,
  file_sealed bytea not null,
  primary key (tenant_id, id),
  unique (tenant_id, biller_id, day, sha256),
  foreign key (tenant_id, biller_id) references billing.biller (tenant_id, id)
);
comment on table billing.check_file is 'personal: what a biller says it booked on a day, file by file as received, compressed and sealed. A later file of the same day supersedes the earlier. rows and sum_fen: of those that stand';

create table billing.check_row (
  tenant_id integer not null,
  biller_id text not null,
  day date not null,
  posting_no text not null,
  amount_fen bigint not null,
  is_standing boolean not null,
  primary key (tenant_id, biller_id, posting_no, day)
);
comment on table billing.check_row is 'rows of the check files that count: the number a posting was told under and what the biller booked for it';
create index check_row_day on billing.check_row (tenant_id, biller_id, day);

create index posting_booked on billing.posting (tenant_id, biller_id, finished_at) where state = 3;

grant select, insert, update on billing.check_file to yimen_app;
grant select, insert, delete on billing.check_row to yimen_app;

alter table billing.check_file enable row level security;
alter table billing.check_file force row level security;
create policy check_file_tenant on billing.check_file to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table billing.check_row enable row level security;
alter table billing.check_row force row level security;
create policy check_row_tenant on billing.check_row to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));

create table billing.remitted_day (
  tenant_id integer not null,
  biller_id text not null,
  day date not null,
  net_fen bigint not null,
  bank text not null,
  serial text not null,
  booked_at timestamptz not null,
  primary key (tenant_id, biller_id, day),
  foreign key (tenant_id, biller_id, day) references billing.settlement (tenant_id, biller_id, day)
);
comment on table billing.remitted_day is 'settlements whose money went to the biller, by the bank''s own number of the movement; several days may share one';
create index remitted_day_move on billing.remitted_day (tenant_id, bank, serial);
grant select, insert on billing.remitted_day to yimen_app;
alter table billing.remitted_day enable row level security;
alter table billing.remitted_day force row level security;
create policy remitted_day_tenant on billing.remitted_day to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
