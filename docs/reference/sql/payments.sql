-- Written by tools/sql-snapshot.ts from the code: change the code, then run it with --write.

-- src/modules/payments/confirm.ts

-- confirmText
with chosen as (
  update payments."order" o set state = $1, paid_fen = a.amount_fen, paid_at = f.paid_at, paid_attempt_id = a.id,
    paid_txn_no = f.txn_no, version = o.version + 1
  from $2
  join payments.attempt a on a.tenant_id = $1 and a.id = f.attempt_id
  where o.tenant_id = $1 and o.id = a.order_id and o.state = $3 and not o.mismatch and o.amount_fen = a.amount_fen
    and a.amount_fen = f.amount_fen and a.state <> $4
  returning f.place, a.id as about, a.channel || ':' || f.txn_no as ref, o.id as order_id, f.txn_no, f.paid_at as at, a.posting_accounts as accounts,
    a.posting_amounts as amounts, a.paid_event$5),
$6
journal as ($7)$8;

-- src/modules/payments/store.ts

-- ORDER_COLUMNS
o.id, o.code, o.state, o.amount_fen as "amountFen", o.paid_fen as "paidFen", o.reserved_fen as "reservedFen",
o.refunded_fen as "refundedFen", o.mismatch, o.title, o.payer, o.place, o.created_at as "createdAt", o.expires_at as "expiresAt", o.paid_at as "paidAt";

-- ATTEMPT_COLUMNS
a.id, a.order_id as "orderId", a.channel, a.mchid, a.product, a.out_trade_no as "outTradeNo", a.state, a.amount_fen as "amountFen",
a.txn_no as "txnNo", a.launch, a.failure, a.created_at as "createdAt", a.expires_at as "expiresAt", a.succeeded_at as "succeededAt";

-- REFUND_COLUMNS
r.id, r.order_id as "orderId", r.attempt_id as "attemptId", r.txn_no as "txnNo", r.out_refund_no as "outRefundNo", r.state, r.amount_fen as "amountFen",
r.cause, r.from_account_id as "fromAccountId", r.line, r.note, r.requested_by as "requestedBy", r.approved_by as "approvedBy", r.failure, r.tries,
r.created_at as "createdAt", r.finished_at as "finishedAt";

-- MERCHANT_COLUMNS
channel, mchid, clearing_account_id as "clearingAccountId", suspense_account_id as "suspenseAccountId",
refund_account_id as "refundAccountId", opened_at as "openedAt";

-- findMerchant
select $1
from payments.merchant where tenant_id = $2 and channel = $3 order by opened_at desc limit 1;

-- getMerchant
select $1
from payments.merchant where tenant_id = $2 and channel = $3 and mchid = $4;

-- insertMerchant
insert into payments.merchant (tenant_id, channel, mchid, clearing_account_id, suspense_account_id, refund_account_id, opened_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing;

-- insertOrder
insert into payments."order" (tenant_id, id, code, state, amount_fen, paid_fen, reserved_fen, refunded_fen, mismatch, title, payer, place, created_at, expires_at, version)
values ($1, $2, $3, $4, $5, 0, 0, 0, false, $6, $7, $8, $9, $10, 1);

-- insertLines
insert into payments.order_line (tenant_id, order_id, line, subject_kind, subject_id, payee_account_id, amount_fen, title, is_part)
values {join( lines.map( (l, i): Sql => sql`(${tenantId}::integer, $};

-- insertClaims
insert into payments.claim as c (tenant_id, subject_kind, subject_id, order_id)
values {join( [...subjects] .sort((a, b) => (`${a.subjectKind}${a.su}
on conflict (tenant_id, subject_kind, subject_id) do update set order_id = excluded.order_id where c.order_id = any($1::uuid[]);

-- deleteClaims
delete from payments.claim where tenant_id = $1 and order_id = $2;

-- listClaims
select c.subject_kind as "subjectKind", c.subject_id as "subjectId", $1, exists (
  select 1 from payments.order_line l where l.tenant_id = c.tenant_id and l.order_id = c.order_id and l.subject_kind = c.subject_kind
    and l.subject_id = c.subject_id and l.is_part) as "isPart"
from payments.claim c join payments."order" o on o.tenant_id = c.tenant_id and o.id = c.order_id
where c.tenant_id = $2 and c.subject_kind = any($3) and c.subject_id = any($4::uuid[]);

-- listPaidParts
select l.order_id as "orderId", l.subject_kind as "subjectKind", l.subject_id as "subjectId", l.amount_fen as "amountFen", o.paid_at as "paidAt"
from payments.order_line l join payments."order" o on o.tenant_id = l.tenant_id and o.id = l.order_id
where l.tenant_id = $1 and l.subject_kind = any($2) and l.subject_id = any($3::uuid[]) and l.is_part
  and o.state = $4 and o.reserved_fen + o.refunded_fen < o.paid_fen
order by o.paid_at, l.order_id, l.line;

-- findOrder
select $1 from payments."order" o where o.tenant_id = $2 and o.id = $3;

-- findOrderByCode
select $1 from payments."order" o where o.tenant_id = $2 and o.code = $3;

-- lockOrder
select $1 from payments."order" o where o.tenant_id = $2 and o.id = $3 for update;

-- listOrdersOf
select $1 from payments."order" o
where o.tenant_id = $2 and o.payer = any($3) order by o.created_at desc, o.id limit $4 offset $5;

-- listPaidOf
select $1 from payments."order" o
where o.tenant_id = $2 and o.payer = any($3) and o.state = $4 and o.paid_at >= $5 and o.paid_at < $6
order by o.paid_at, o.id limit $7;

-- pays
($1::integer is null or exists (
select 1 from payments.order_line l where l.tenant_id = $2 and l.order_id = $3 and l.payee_account_id = $4));

-- listStuckOrders
select order_id as id from (
  select order_id, opened_at as since from payments.suspense where tenant_id = $1 and refund_id is null and resolved_at is null
  union all
  select order_id, created_at from payments.refund where tenant_id = $2 and finished_at is null and state = $3
  union all
  select order_id, created_at from payments.refund where tenant_id = $4 and state = $5 and failure = 'refund_after_closed') q
where {pays(tenantId, sql`q.order_id`, payee)} group by order_id order by min(since) limit $6;

-- listNewestOrders
select o.id from payments."order" o where o.tenant_id = $1 and {pays(tenantId, sql`o.id`, payee)} order by o.id desc limit $2;

-- countOrdersOf
select count(*) as count from payments."order" where tenant_id = $1 and payer = any($2);

-- listLines
select line, subject_kind as "subjectKind", subject_id as "subjectId", payee_account_id as "payeeAccountId", amount_fen as "amountFen", title,
  is_part as "isPart"
from payments.order_line where tenant_id = $1 and order_id = $2 order by line;

-- closeOrder
update payments."order" set state = $1, close_reason = $2, version = version + 1
where tenant_id = $3 and id = $4 and state = $5;

-- markMismatch
update payments."order" set mismatch = true, version = version + 1 where tenant_id = $1 and id = $2;

-- insertAttempt
insert into payments.attempt (tenant_id, id, order_id, channel, mchid, product, out_trade_no, state, amount_fen, posting_accounts, posting_amounts, paid_event, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9,
  $10::integer[], $11::bigint[], $12, $13, $14);

-- upsertOpenAttempt
insert into payments.open_attempt (tenant_id, order_id, attempt_id, tries, due_at) values ($1, $2, $3, 0, $4)
on conflict (tenant_id, order_id) do update set attempt_id = excluded.attempt_id, tries = 0, due_at = excluded.due_at;

-- deleteOpenAttempt
delete from payments.open_attempt where tenant_id = $1 and order_id = $2;

-- takeDueAttempts
update payments.open_attempt u set tries = u.tries + 1, due_at = $1
from (select order_id from payments.open_attempt where tenant_id = $2 and due_at <= $3 order by due_at limit $4 for update skip locked) d
where u.tenant_id = $5 and u.order_id = d.order_id
returning u.attempt_id as "attemptId", u.order_id as "orderId", u.tries;

-- putOffAttempt
update payments.open_attempt set due_at = $1 where tenant_id = $2 and order_id = $3;

-- findAttempt
select $1 from payments.attempt_state a where a.tenant_id = $2 and a.id = $3;

-- listAttempts
select $1 from payments.attempt_state a where a.tenant_id = $2 and a.order_id = $3 order by a.created_at, a.id;

-- moveAttempt
update payments.attempt a set state = $1, launch = coalesce($2::jsonb, launch),
  failure = coalesce($3, failure), txn_no = coalesce($4, txn_no), succeeded_at = coalesce($5, succeeded_at)
where a.tenant_id = $6 and a.id = $7 and a.state = any($8::smallint[])
  and not exists (select 1 from payments."order" o where o.tenant_id = $9 and o.id = a.order_id and o.paid_attempt_id = a.id);

-- insertChannelEvent
insert into payments.channel_event (tenant_id, channel, event_key, attempt_id, received_at, raw, headers)
values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing;

-- insertPayerTotal
insert into payments.payer_total (tenant_id, attempt_id, given_fen)
select $1, a.id, $2 from payments.attempt a where a.tenant_id = $3 and a.id = $4 on conflict do nothing;

-- findPayerTotal
select given_fen as fen from payments.payer_total where tenant_id = $1 and attempt_id = $2;

-- insertSuspense
insert into payments.suspense (tenant_id, attempt_id, txn_no, order_id, reason, amount_fen, refund_id, opened_at)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- resolveSuspense
update payments.suspense set resolved_at = $1 where tenant_id = $2 and refund_id = $3 and resolved_at is null;

-- replaceSuspenseRefund
update payments.suspense set refund_id = $1 where tenant_id = $2 and refund_id = $3 and resolved_at is null;

-- listOpenSuspense
select attempt_id as "attemptId", txn_no as "txnNo", amount_fen as "amountFen", reason from payments.suspense
where tenant_id = $1 and order_id = $2 and refund_id is null and resolved_at is null order by attempt_id, txn_no;

-- giveSuspenseRefund
update payments.suspense set refund_id = $1
where tenant_id = $2 and attempt_id = $3 and txn_no = $4 and refund_id is null;

-- isSuspended
select 1 from payments.suspense where tenant_id = $1 and attempt_id = $2 and txn_no = $3;

-- insertRefund
insert into payments.refund (tenant_id, id, order_id, attempt_id, txn_no, out_refund_no, state, amount_fen, cause, from_account_id, line, note, requested_by, approved_by, tries, due_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
  $14, 0, $15, $16);

-- reserveRefund
update payments."order" set reserved_fen = reserved_fen + $1, version = version + 1
where tenant_id = $2 and id = $3 and refunded_fen + reserved_fen + $4 <= paid_fen;

-- settleReserved
update payments."order" set reserved_fen = reserved_fen - $1, refunded_fen = refunded_fen + $2, version = version + 1
where tenant_id = $3 and id = $4;

-- findRefund
select $1 from payments.refund r where r.tenant_id = $2 and r.id = $3;

-- lockRefund
select $1 from payments.refund r where r.tenant_id = $2 and r.id = $3 for update;

-- findRefundByNo
select $1 from payments.refund r where r.tenant_id = $2 and r.out_refund_no = $3;

-- listRefunds
select $1 from payments.refund r where r.tenant_id = $2 and r.order_id = $3 order by r.created_at, r.id;

-- takeDueRefunds
update payments.refund u set tries = u.tries + 1, due_at = $1
from (
  select id from payments.refund
  where tenant_id = $2 and finished_at is null and due_at <= $3 and state in ($4, $5, $6)
  order by due_at limit $7 for update skip locked) d
where u.tenant_id = $8 and u.id = d.id
returning u.id;

-- moveRefund
update payments.refund set state = $1, failure = coalesce($2, failure), due_at = coalesce($3, due_at),
  finished_at = coalesce($4, finished_at), approved_by = coalesce($5, approved_by)
where tenant_id = $6 and id = $7 and state = any($8::smallint[]);

-- noteRefundFailure
update payments.refund set failure = $1 where tenant_id = $2 and id = $3;

-- listRequestedRefunds
select $1 from payments.refund r where r.tenant_id = $2 and r.state = $3 order by r.created_at, r.id limit $4;

-- countWaiting
select (select count(*) from payments.refund where tenant_id = $1 and state = $2)
  + (select count(*) from payments.cash_void where tenant_id = $3 and decided_at is null) as count;
