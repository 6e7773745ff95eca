create table payments.unidentified (
  tenant_id integer not null,
  id uuid not null,
  break_id uuid not null,
  channel text not null,
  mchid text not null,
  our_no text not null,
  amount_fen bigint not null check (amount_fen <> 0),
  opened_at timestamptz not null,
  closed_at timestamptz,
  closed_how text check (closed_how in ('given_back', 'kept', 'borne', 'withdrawn')),
  primary key (tenant_id, id),
  check ((closed_at is null) = (closed_how is null))
);
comment on table payments.unidentified is 'money a channel states under our merchant number that names nothing of ours: received positive, refunded negative, in suspense while open. given_back: a receipt and a refund of one order number, both unknown here, cancel out; kept, borne: two people wrote it off as income or loss; withdrawn: no longer stated, or booked as ours after all';
create unique index unidentified_open on payments.unidentified (tenant_id, break_id) where closed_at is null;
create index unidentified_order on payments.unidentified (tenant_id, channel, mchid, our_no) where closed_at is null;
grant select, insert, update on payments.unidentified to yimen_app;
alter table payments.unidentified enable row level security;
alter table payments.unidentified force row level security;
create policy unidentified_tenant on payments.unidentified to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
