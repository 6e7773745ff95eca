create table payments.drawer_session (
  tenant_id integer not null,
  id uuid not null,
  drawer text not null,
  cashier_id uuid not null,
  opened_at timestamptz not null,
  opening_fen bigint not null check (opening_fen >= 0),
  opening_count jsonb not null,
  last_seq integer not null,
  closed_at timestamptz,
  closing_count jsonb,
  expected_fen bigint,
  counted_fen bigint,
  primary key (tenant_id, id)
);
comment on table payments.drawer_session is 'a cashier at a drawer from the first count to the last. Counts: pieces by denomination in fen. expected_fen is worked out when the closing count is in';
create unique index drawer_session_drawer on payments.drawer_session (tenant_id, drawer) where closed_at is null;
create unique index drawer_session_cashier on payments.drawer_session (tenant_id, cashier_id) where closed_at is null;

create table payments.cash_move (
  tenant_id integer not null,
  session_id uuid not null,
  seq integer not null,
  order_id uuid not null,
  refund_id uuid,
  amount_fen bigint not null check (amount_fen <> 0),
  tendered_fen bigint,
  moved_at timestamptz not null,
  primary key (tenant_id, session_id, seq)
);
comment on table payments.cash_move is 'money into and out of a drawer, numbered without gaps in its session: positive taken for an order, negative paid out for a refund';
create index cash_move_order on payments.cash_move (tenant_id, order_id);
create unique index cash_move_refund on payments.cash_move (tenant_id, refund_id) where refund_id is not null;

create table payments.cash_void (
  tenant_id integer not null,
  order_id uuid not null,
  asked_by text not null,
  reason text not null,
  asked_at timestamptz not null,
  decided_by text,
  is_agreed boolean,
  decided_at timestamptz,
  primary key (tenant_id, order_id)
);
comment on table payments.cash_void is 'cash payments a cashier asked to void, and the second person''s answer';
create index cash_void_open on payments.cash_void (tenant_id, asked_at) where decided_at is null;

create table payments.offline_act (
  tenant_id integer not null,
  session_id uuid not null,
  device uuid not null,
  seq integer not null check (seq > 0),
  subject text not null,
  amount_fen bigint not null check (amount_fen > 0),
  tendered_fen bigint not null,
  taken_at timestamptz not null,
  received_at timestamptz not null,
  outcome text check (outcome in ('booked', 'returning', 'asking')),
  order_id uuid,
  primary key (tenant_id, session_id, device, seq),
  check (tendered_fen >= amount_fen)
);
comment on table payments.offline_act is 'cash taken while a window had no network, as each device numbered it within the turn; uploaded again it changes nothing. outcome: booked for its bill, returning to the payer since nothing was owed, asking a person; none yet while the bill is being paid elsewhere';
create index offline_act_open on payments.offline_act (tenant_id, received_at) where outcome is null;

grant select, insert, update on payments.drawer_session, payments.cash_void, payments.offline_act to yimen_app;
grant select, insert on payments.cash_move to yimen_app;
alter table payments.offline_act enable row level security;
alter table payments.offline_act force row level security;
create policy offline_act_tenant on payments.offline_act to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
