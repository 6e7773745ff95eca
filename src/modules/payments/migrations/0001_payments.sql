create schema payments;
grant usage on schema payments to yimen_app;

create table payments.merchant (
  tenant_id integer not null,
  channel text not null,
  mchid text not null,
  clearing_account_id integer not null,
  suspense_account_id integer not null,
  refund_account_id integer not null,
  opened_at timestamptz not null,
  primary key (tenant_id, channel, mchid)
);
comment on table payments.merchant is 'merchant accounts of a tenant and the ledger accounts that mirror them';

-- The tables a confirmation writes carry no CHECK: a statement reads each anew from its stored text, which took a quarter of
-- the confirmations per second. What must never happen is refused by the condition of the update that would do it
-- (reserveRefund), under the row's own lock, and the doctor looks after all of it (I7, C2).
create table payments."order" (
  tenant_id integer not null,
  id uuid not null,
  state smallint not null,
  mismatch boolean not null,
  version integer not null,
  amount_fen bigint not null,
  paid_fen bigint not null,
  reserved_fen bigint not null,
  refunded_fen bigint not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  code text not null,
  title text not null,
  payer text not null,
  place text not null,
  paid_at timestamptz,
  paid_attempt_id uuid,
  paid_txn_no text,
  close_reason text,
  primary key (tenant_id, id),
  unique (tenant_id, code)
  -- An order grows by a fifth when it is paid: a page of them has room for all its orders twice, so that paying moves none.
) with (fillfactor = 40);
comment on table payments."order" is 'what a payer owes at once: 1 open, 2 paid, 3 closed. paid_attempt_id paid it. reserved_fen and refunded_fen never exceed paid_fen';
create index order_payer on payments."order" (tenant_id, payer, created_at desc);

create table payments.order_line (
  tenant_id integer not null,
  order_id uuid not null,
  line smallint not null,
  subject_kind text not null,
  subject_id uuid not null,
  payee_account_id integer not null,
  amount_fen bigint not null check (amount_fen > 0),
  title text not null,
  primary key (tenant_id, order_id, line)
);
comment on table payments.order_line is 'what each part of an order pays for, by an opaque subject, and the ledger account credited';
create index order_line_subject on payments.order_line (tenant_id, subject_kind, subject_id);

create table payments.claim (
  tenant_id integer not null,
  subject_kind text not null,
  subject_id uuid not null,
  order_id uuid not null,
  primary key (tenant_id, subject_kind, subject_id)
);
comment on table payments.claim is 'the one live order of a subject: the key refuses a second, so nothing is paid twice';
create index claim_order on payments.claim (tenant_id, order_id);

create table payments.attempt (
  tenant_id integer not null,
  id uuid not null,
  order_id uuid not null,
  state smallint not null,
  amount_fen bigint not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  channel text not null,
  posting_accounts integer[] not null,
  posting_amounts bigint[] not null,
  paid_event text not null,
  mchid text not null,
  product text not null,
  out_trade_no text not null,
  txn_no text,
  launch jsonb,
  failure text,
  succeeded_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, out_trade_no)
) with (fillfactor = 50);
comment on table payments.attempt is 'one order number on one channel, with the booking its success makes and the body of the event it records, up to the channel''s number; see attempt_state: 1 init 2 submitted 3 pending 4 unknown 5 succeeded 6 failed 7 closing 8 closed';
create index attempt_order on payments.attempt (tenant_id, order_id);

-- The order's row alone says which attempt paid it, so that a confirmation writes one row less and nothing an attempt goes
-- through afterwards can take its success back. Who asks how an attempt stands asks here.
create view payments.attempt_state with (security_invoker = true) as
  select a.tenant_id, a.id, a.order_id, a.channel, a.mchid, a.product, a.out_trade_no, a.amount_fen, a.launch, a.failure, a.created_at, a.expires_at,
    case when o.paid_attempt_id = a.id then 5::smallint else a.state end as state,
    case when o.paid_attempt_id = a.id then o.paid_txn_no else a.txn_no end as txn_no,
    case when o.paid_attempt_id = a.id then o.paid_at else a.succeeded_at end as succeeded_at
  from payments.attempt a join payments."order" o on o.tenant_id = a.tenant_id and o.id = a.order_id;
comment on view payments.attempt_state is 'attempts as they stand: the one that paid its order has succeeded, whatever its own row says';

create table payments.open_attempt (
  tenant_id integer not null,
  order_id uuid not null,
  attempt_id uuid not null,
  tries integer not null,
  due_at timestamptz not null,
  primary key (tenant_id, order_id)
);
comment on table payments.open_attempt is 'at most one open attempt per order; the queue of the janitor. A finished attempt may linger here until its turn';
create index open_attempt_due on payments.open_attempt (tenant_id, due_at);

create table payments.channel_event (
  tenant_id integer not null,
  channel text not null,
  event_key text not null,
  attempt_id uuid not null,
  received_at timestamptz not null,
  raw bytea not null,
  headers text not null,
  primary key (tenant_id, attempt_id, event_key)
);
comment on table payments.channel_event is 'verified notifications as received; the facts from which states are folded. headers: JSON of those worth keeping as evidence';

create table payments.refund (
  tenant_id integer not null,
  id uuid not null,
  order_id uuid not null,
  attempt_id uuid not null,
  txn_no text not null,
  out_refund_no text not null,
  state smallint not null check (state between 1 and 7),
  amount_fen bigint not null check (amount_fen > 0),
  cause text not null,
  from_account_id integer not null,
  line smallint,
  note text,
  requested_by text not null,
  approved_by text,
  failure text,
  tries integer not null,
  due_at timestamptz not null,
  created_at timestamptz not null,
  finished_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, out_refund_no)
);
comment on table payments.refund is 'money going back of the payment txn_no: 1 requested 2 approved 3 submitted 4 unknown 5 succeeded 6 abnormal 7 closed; money reserved from approved on. line: of the order, none for money in suspense';
create index refund_order on payments.refund (tenant_id, order_id);
create index refund_requested on payments.refund (tenant_id, created_at) where state = 1;
create index refund_due on payments.refund (tenant_id, due_at) where finished_at is null;

create table payments.suspense (
  tenant_id integer not null,
  attempt_id uuid not null,
  txn_no text not null,
  order_id uuid not null,
  reason text not null check (reason in ('duplicate_pay', 'late_pay', 'amount', 'bill_unknown', 'not_due')),
  amount_fen bigint not null check (amount_fen > 0),
  refund_id uuid,
  opened_at timestamptz not null,
  resolved_at timestamptz,
  primary key (tenant_id, attempt_id, txn_no)
);
comment on table payments.suspense is 'open breaks: money received that belongs to no open order, and what became of it';

grant select, insert, update on payments.merchant, payments."order", payments.attempt, payments.refund, payments.suspense to yimen_app;
grant select on payments.attempt_state to yimen_app;
grant select, insert on payments.order_line, payments.channel_event to yimen_app;
grant select, insert, delete on payments.claim to yimen_app;
grant select, insert, update, delete on payments.open_attempt to yimen_app;
