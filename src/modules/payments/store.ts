import { join, type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { ATTEMPT, type Booking, type CloseReason, ORDER, paidEventOf, REFUND, type SUSPENSE_REASONS } from './model.ts'

export interface OrderRow {
  readonly id: string
  readonly code: string
  readonly state: number
  readonly amountFen: number
  readonly paidFen: number
  readonly reservedFen: number
  readonly refundedFen: number
  readonly mismatch: boolean
  readonly title: string
  readonly payer: string
  readonly place: string
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly paidAt: Date | null
}

const ORDER_COLUMNS = sql`o.id, o.code, o.state, o.amount_fen as "amountFen", o.paid_fen as "paidFen", o.reserved_fen as "reservedFen",
  o.refunded_fen as "refundedFen", o.mismatch, o.title, o.payer, o.place, o.created_at as "createdAt", o.expires_at as "expiresAt", o.paid_at as "paidAt"`

export interface LineRow {
  readonly line: number
  readonly subjectKind: string
  readonly subjectId: string
  readonly payeeAccountId: number
  readonly amountFen: number
  readonly title: string
  /** Pays its subject in part. */
  readonly isPart: boolean
}

export interface AttemptRow {
  readonly id: string
  readonly orderId: string
  readonly channel: string
  readonly mchid: string
  readonly product: string
  readonly outTradeNo: string
  readonly state: number
  readonly amountFen: number
  readonly txnNo: string | null
  readonly launch: Record<string, unknown> | null
  readonly failure: string | null
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly succeededAt: Date | null
}

const ATTEMPT_COLUMNS = sql`a.id, a.order_id as "orderId", a.channel, a.mchid, a.product, a.out_trade_no as "outTradeNo", a.state, a.amount_fen as "amountFen",
  a.txn_no as "txnNo", a.launch, a.failure, a.created_at as "createdAt", a.expires_at as "expiresAt", a.succeeded_at as "succeededAt"`

export interface MerchantRow {
  readonly channel: string
  readonly mchid: string
  readonly clearingAccountId: number
  readonly suspenseAccountId: number
  readonly refundAccountId: number
  readonly openedAt: Date
}

export interface RefundRow {
  readonly id: string
  readonly orderId: string
  readonly attemptId: string
  /** The channel's number of the payment given back. */
  readonly txnNo: string
  readonly outRefundNo: string
  readonly state: number
  readonly amountFen: number
  readonly cause: string
  readonly fromAccountId: number
  /** Of the order; null for money that was in suspense. */
  readonly line: number | null
  readonly note: string | null
  readonly requestedBy: string
  readonly approvedBy: string | null
  readonly failure: string | null
  readonly tries: number
  readonly createdAt: Date
  readonly finishedAt: Date | null
}

const REFUND_COLUMNS = sql`r.id, r.order_id as "orderId", r.attempt_id as "attemptId", r.txn_no as "txnNo", r.out_refund_no as "outRefundNo", r.state, r.amount_fen as "amountFen",
  r.cause, r.from_account_id as "fromAccountId", r.line, r.note, r.requested_by as "requestedBy", r.approved_by as "approvedBy", r.failure, r.tries,
  r.created_at as "createdAt", r.finished_at as "finishedAt"`

// ---- merchants

const MERCHANT_COLUMNS = sql`channel, mchid, clearing_account_id as "clearingAccountId", suspense_account_id as "suspenseAccountId",
  refund_account_id as "refundAccountId", opened_at as "openedAt"`

export const findMerchant = (tx: Tx, tenantId: number, channel: string) =>
  tx.maybe<MerchantRow>(sql`
    select ${MERCHANT_COLUMNS}
    from payments.merchant where tenant_id = ${tenantId} and channel = ${channel} order by opened_at desc limit 1`)

/** The account an attempt was made with, whatever was opened since. */
export const getMerchant = (tx: Tx, tenantId: number, a: Pick<AttemptRow, 'channel' | 'mchid'>) =>
  tx.one<MerchantRow>(sql`
    select ${MERCHANT_COLUMNS}
    from payments.merchant where tenant_id = ${tenantId} and channel = ${a.channel} and mchid = ${a.mchid}`)

export const insertMerchant = (tx: Tx, tenantId: number, row: MerchantRow) =>
  tx.run(sql`
    insert into payments.merchant (tenant_id, channel, mchid, clearing_account_id, suspense_account_id, refund_account_id, opened_at)
    values (${tenantId}, ${row.channel}, ${row.mchid}, ${row.clearingAccountId}, ${row.suspenseAccountId}, ${row.refundAccountId}, ${row.openedAt})
    on conflict do nothing`)

// ---- orders

export const insertOrder = (
  tx: Tx,
  tenantId: number,
  o: Pick<OrderRow, 'id' | 'code' | 'amountFen' | 'title' | 'payer' | 'place' | 'createdAt' | 'expiresAt'>,
) =>
  tx.run(sql`
    insert into payments."order" (tenant_id, id, code, state, amount_fen, paid_fen, reserved_fen, refunded_fen, mismatch, title, payer, place, created_at, expires_at, version)
    values (${tenantId}, ${o.id}, ${o.code}, ${ORDER.open}, ${o.amountFen}, 0, 0, 0, false, ${o.title}, ${o.payer}, ${o.place}, ${o.createdAt}, ${o.expiresAt}, 1)`)

type NewLine = Omit<LineRow, 'line' | 'isPart'> & Partial<Pick<LineRow, 'isPart'>>

export const insertLines = (tx: Tx, tenantId: number, orderId: string, lines: readonly NewLine[]) =>
  tx.run(sql`
    insert into payments.order_line (tenant_id, order_id, line, subject_kind, subject_id, payee_account_id, amount_fen, title, is_part)
    values ${join(
      lines.map(
        (l, i): Sql =>
          sql`(${tenantId}::integer, ${orderId}::uuid, ${i + 1}::smallint, ${l.subjectKind}, ${l.subjectId}::uuid, ${l.payeeAccountId}::integer, ${l.amountFen}::bigint, ${l.title}, ${l.isPart ?? false})`,
      ),
    )}`)

/**
 * Claims the subjects in key order; answers how many were free. A claim of one of `after`, orders whose paid parts the caller has
 * counted, passes on: any other order that came between keeps its own, so a rest is never asked for twice.
 */
export const insertClaims = (
  tx: Tx,
  tenantId: number,
  orderId: string,
  subjects: readonly { subjectKind: string; subjectId: string }[],
  after: readonly string[],
) =>
  tx.run(sql`
    insert into payments.claim as c (tenant_id, subject_kind, subject_id, order_id)
    values ${join(
      [...subjects]
        .sort((a, b) => (`${a.subjectKind}${a.subjectId}` < `${b.subjectKind}${b.subjectId}` ? -1 : 1))
        .map((s): Sql => sql`(${tenantId}::integer, ${s.subjectKind}, ${s.subjectId}::uuid, ${orderId}::uuid)`),
    )}
    on conflict (tenant_id, subject_kind, subject_id) do update set order_id = excluded.order_id where c.order_id = any(${[...after]}::uuid[])`)

export const deleteClaims = (tx: Tx, tenantId: number, orderId: string) =>
  tx.run(sql`delete from payments.claim where tenant_id = ${tenantId} and order_id = ${orderId}`)

export const listClaims = (tx: Tx, tenantId: number, subjectKinds: readonly string[], subjectIds: readonly string[]) =>
  tx.rows<OrderRow & { subjectKind: string; subjectId: string; isPart: boolean }>(sql`
    select c.subject_kind as "subjectKind", c.subject_id as "subjectId", ${ORDER_COLUMNS}, exists (
      select 1 from payments.order_line l where l.tenant_id = c.tenant_id and l.order_id = c.order_id and l.subject_kind = c.subject_kind
        and l.subject_id = c.subject_id and l.is_part) as "isPart"
    from payments.claim c join payments."order" o on o.tenant_id = c.tenant_id and o.id = c.order_id
    where c.tenant_id = ${tenantId} and c.subject_kind = any(${[...subjectKinds]}) and c.subject_id = any(${[...subjectIds]}::uuid[])`)

export interface PaidPartRow {
  readonly orderId: string
  readonly subjectKind: string
  readonly subjectId: string
  readonly amountFen: number
  readonly paidAt: Date
}

/** Parts of subjects that are paid and not given back whole, the oldest first. */
export const listPaidParts = (tx: Tx, tenantId: number, subjectKinds: readonly string[], subjectIds: readonly string[]) =>
  tx.rows<PaidPartRow>(sql`
    select l.order_id as "orderId", l.subject_kind as "subjectKind", l.subject_id as "subjectId", l.amount_fen as "amountFen", o.paid_at as "paidAt"
    from payments.order_line l join payments."order" o on o.tenant_id = l.tenant_id and o.id = l.order_id
    where l.tenant_id = ${tenantId} and l.subject_kind = any(${[...subjectKinds]}) and l.subject_id = any(${[...subjectIds]}::uuid[]) and l.is_part
      and o.state = ${ORDER.paid} and o.reserved_fen + o.refunded_fen < o.paid_fen
    order by o.paid_at, l.order_id, l.line`)

export const findOrder = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<OrderRow>(sql`select ${ORDER_COLUMNS} from payments."order" o where o.tenant_id = ${tenantId} and o.id = ${id}`)

export const findOrderByCode = (tx: Tx, tenantId: number, code: string) =>
  tx.maybe<OrderRow>(sql`select ${ORDER_COLUMNS} from payments."order" o where o.tenant_id = ${tenantId} and o.code = ${code}`)

export const lockOrder = (tx: Tx, tenantId: number, id: string) =>
  tx.one<OrderRow>(sql`select ${ORDER_COLUMNS} from payments."order" o where o.tenant_id = ${tenantId} and o.id = ${id} for update`)

export const listOrdersOf = (tx: Tx, tenantId: number, payers: readonly string[], page: { offset: number; limit: number }) =>
  tx.rows<OrderRow>(sql`
    select ${ORDER_COLUMNS} from payments."order" o
    where o.tenant_id = ${tenantId} and o.payer = any(${[...payers]}) order by o.created_at desc, o.id limit ${page.limit} offset ${page.offset}`)

/** Paid orders of these payers in [from, to), oldest first. */
export const listPaidOf = (tx: Tx, tenantId: number, payers: readonly string[], span: { from: Date; to: Date }, limit: number) =>
  tx.rows<OrderRow>(sql`
    select ${ORDER_COLUMNS} from payments."order" o
    where o.tenant_id = ${tenantId} and o.payer = any(${[...payers]}) and o.state = ${ORDER.paid} and o.paid_at >= ${span.from} and o.paid_at < ${span.to}
    order by o.paid_at, o.id limit ${limit}`)

/** Whether an order pays this account; without one every order will do. */
const pays = (tenantId: number, orderId: Sql, payee: number | null): Sql => sql`(${payee}::integer is null or exists (
  select 1 from payments.order_line l where l.tenant_id = ${tenantId} and l.order_id = ${orderId} and l.payee_account_id = ${payee}))`

/** Orders only a person can bring on, the oldest first: money nobody decided about, refunds that are stuck. */
export const listStuckOrders = (tx: Tx, tenantId: number, limit: number, payee: number | null) =>
  tx.rows<{ id: string }>(sql`
    select order_id as id from (
      select order_id, opened_at as since from payments.suspense where tenant_id = ${tenantId} and refund_id is null and resolved_at is null
      union all
      select order_id, created_at from payments.refund where tenant_id = ${tenantId} and finished_at is null and state = ${REFUND.abnormal}
      union all
      select order_id, created_at from payments.refund where tenant_id = ${tenantId} and state = ${REFUND.closed} and failure = 'refund_after_closed') q
    where ${pays(tenantId, sql`q.order_id`, payee)} group by order_id order by min(since) limit ${limit}`)

/** Ids grow with time, so the key gives the newest without an index of its own. */
export const listNewestOrders = (tx: Tx, tenantId: number, limit: number, payee: number | null) =>
  tx.rows<{ id: string }>(
    sql`select o.id from payments."order" o where o.tenant_id = ${tenantId} and ${pays(tenantId, sql`o.id`, payee)} order by o.id desc limit ${limit}`,
  )

export const countOrdersOf = async (tx: Tx, tenantId: number, payers: readonly string[]): Promise<number> =>
  (
    await tx.one<{ count: number }>(
      sql`select count(*) as count from payments."order" where tenant_id = ${tenantId} and payer = any(${[...payers]})`,
    )
  ).count

export const listLines = (tx: Tx, tenantId: number, orderId: string) =>
  tx.rows<LineRow>(sql`
    select line, subject_kind as "subjectKind", subject_id as "subjectId", payee_account_id as "payeeAccountId", amount_fen as "amountFen", title,
      is_part as "isPart"
    from payments.order_line where tenant_id = ${tenantId} and order_id = ${orderId} order by line`)

export const closeOrder = (tx: Tx, tenantId: number, id: string, reason: CloseReason) =>
  tx.run(sql`
    update payments."order" set state = ${ORDER.closed}, close_reason = ${reason}, version = version + 1
    where tenant_id = ${tenantId} and id = ${id} and state = ${ORDER.open}`)

export const markMismatch = (tx: Tx, tenantId: number, id: string) =>
  tx.run(sql`update payments."order" set mismatch = true, version = version + 1 where tenant_id = ${tenantId} and id = ${id}`)

// ---- attempts

export const insertAttempt = (
  tx: Tx,
  tenantId: number,
  a: Pick<AttemptRow, 'orderId' | 'mchid' | 'product' | 'outTradeNo' | 'createdAt' | 'expiresAt'> & Booking,
) =>
  tx.run(sql`
    insert into payments.attempt (tenant_id, id, order_id, channel, mchid, product, out_trade_no, state, amount_fen, posting_accounts, posting_amounts, paid_event, created_at, expires_at)
    values (${tenantId}, ${a.id}, ${a.orderId}, ${a.channel}, ${a.mchid}, ${a.product}, ${a.outTradeNo}, ${ATTEMPT.init}, ${a.amountFen},
      ${[...a.accounts]}::integer[], ${[...a.amounts]}::bigint[], ${paidEventOf(a)}, ${a.createdAt}, ${a.expiresAt})`)

/** Puts the order's newest attempt in the janitor's queue; the order's row lock is held. */
export const upsertOpenAttempt = (tx: Tx, tenantId: number, orderId: string, attemptId: string, dueAt: Date) =>
  tx.run(sql`
    insert into payments.open_attempt (tenant_id, order_id, attempt_id, tries, due_at) values (${tenantId}, ${orderId}, ${attemptId}, 0, ${dueAt})
    on conflict (tenant_id, order_id) do update set attempt_id = excluded.attempt_id, tries = 0, due_at = excluded.due_at`)

export const deleteOpenAttempt = (tx: Tx, tenantId: number, orderId: string) =>
  tx.run(sql`delete from payments.open_attempt where tenant_id = ${tenantId} and order_id = ${orderId}`)

/** Takes due attempts for questioning and puts them off, so that two janitors never ask for the same one. */
export const takeDueAttempts = (tx: Tx, tenantId: number, now: Date, until: Date, limit: number) =>
  tx.rows<{ attemptId: string; orderId: string; tries: number }>(sql`
    update payments.open_attempt u set tries = u.tries + 1, due_at = ${until}
    from (select order_id from payments.open_attempt where tenant_id = ${tenantId} and due_at <= ${now} order by due_at limit ${limit} for update skip locked) d
    where u.tenant_id = ${tenantId} and u.order_id = d.order_id
    returning u.attempt_id as "attemptId", u.order_id as "orderId", u.tries`)

export const putOffAttempt = (tx: Tx, tenantId: number, orderId: string, dueAt: Date) =>
  tx.run(sql`update payments.open_attempt set due_at = ${dueAt} where tenant_id = ${tenantId} and order_id = ${orderId}`)

export const findAttempt = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<AttemptRow>(sql`select ${ATTEMPT_COLUMNS} from payments.attempt_state a where a.tenant_id = ${tenantId} and a.id = ${id}`)

export const listAttempts = (tx: Tx, tenantId: number, orderId: string) =>
  tx.rows<AttemptRow>(
    sql`select ${ATTEMPT_COLUMNS} from payments.attempt_state a where a.tenant_id = ${tenantId} and a.order_id = ${orderId} order by a.created_at, a.id`,
  )

/** Moves an attempt from one of `from`; false when it had moved on meanwhile, or paid its order. */
export const moveAttempt = async (
  tx: Tx,
  tenantId: number,
  id: string,
  from: readonly number[],
  to: number,
  extra: { launch?: unknown; failure?: string; txnNo?: string; succeededAt?: Date } = {},
) =>
  (await tx.run(sql`
    update payments.attempt a set state = ${to}, launch = coalesce(${extra.launch === undefined ? null : JSON.stringify(extra.launch)}::jsonb, launch),
      failure = coalesce(${extra.failure ?? null}, failure), txn_no = coalesce(${extra.txnNo ?? null}, txn_no), succeeded_at = coalesce(${extra.succeededAt ?? null}, succeeded_at)
    where a.tenant_id = ${tenantId} and a.id = ${id} and a.state = any(${[...from]}::smallint[])
      and not exists (select 1 from payments."order" o where o.tenant_id = ${tenantId} and o.id = a.order_id and o.paid_attempt_id = a.id)`)) ===
  1

// ---- facts

export const insertChannelEvent = (
  tx: Tx,
  tenantId: number,
  channel: string,
  event: { key: string; raw: Buffer; headers: string },
  attemptId: string | null,
  at: Date,
) =>
  tx.run(sql`
    insert into payments.channel_event (tenant_id, channel, event_key, attempt_id, received_at, raw, headers)
    values (${tenantId}, ${channel}, ${event.key}, ${attemptId}, ${at}, ${event.raw}, ${event.headers}) on conflict do nothing`)

/** Of an attempt that was never ours nothing is kept. */
export const insertPayerTotal = (tx: Tx, tenantId: number, attemptId: string, payerFen: number) =>
  tx.run(sql`
    insert into payments.payer_total (tenant_id, attempt_id, given_fen)
    select ${tenantId}, a.id, ${payerFen} from payments.attempt a where a.tenant_id = ${tenantId} and a.id = ${attemptId} on conflict do nothing`)

export const findPayerTotal = async (tx: Tx, tenantId: number, attemptId: string): Promise<number | undefined> =>
  (
    await tx.maybe<{ fen: number }>(
      sql`select given_fen as fen from payments.payer_total where tenant_id = ${tenantId} and attempt_id = ${attemptId}`,
    )
  )?.fen

// ---- suspense and refunds

export const insertSuspense = (
  tx: Tx,
  tenantId: number,
  s: { attemptId: string; txnNo: string; orderId: string; reason: string; amountFen: number; refundId: string | null; at: Date },
) =>
  tx.run(sql`
    insert into payments.suspense (tenant_id, attempt_id, txn_no, order_id, reason, amount_fen, refund_id, opened_at)
    values (${tenantId}, ${s.attemptId}, ${s.txnNo}, ${s.orderId}, ${s.reason}, ${s.amountFen}, ${s.refundId}, ${s.at})`)

export const resolveSuspense = (tx: Tx, tenantId: number, refundId: string, at: Date) =>
  tx.run(
    sql`update payments.suspense set resolved_at = ${at} where tenant_id = ${tenantId} and refund_id = ${refundId} and resolved_at is null`,
  )

/** The refund that takes the place of one the channel closed. */
export const replaceSuspenseRefund = (tx: Tx, tenantId: number, refundId: string, next: string) =>
  tx.run(
    sql`update payments.suspense set refund_id = ${next} where tenant_id = ${tenantId} and refund_id = ${refundId} and resolved_at is null`,
  )

/** Breaks of an order that nobody has decided on. */
export const listOpenSuspense = (tx: Tx, tenantId: number, orderId: string) =>
  tx.rows<{ attemptId: string; txnNo: string; amountFen: number; reason: (typeof SUSPENSE_REASONS)[number] }>(sql`
    select attempt_id as "attemptId", txn_no as "txnNo", amount_fen as "amountFen", reason from payments.suspense
    where tenant_id = ${tenantId} and order_id = ${orderId} and refund_id is null and resolved_at is null order by attempt_id, txn_no`)

export const giveSuspenseRefund = (tx: Tx, tenantId: number, s: { attemptId: string; txnNo: string }, refundId: string) =>
  tx.run(sql`
    update payments.suspense set refund_id = ${refundId}
    where tenant_id = ${tenantId} and attempt_id = ${s.attemptId} and txn_no = ${s.txnNo} and refund_id is null`)

/** Whether the payment by which an attempt succeeded went to suspense instead of its order. */
export const isSuspended = async (tx: Tx, tenantId: number, a: Pick<AttemptRow, 'id' | 'txnNo'>): Promise<boolean> =>
  (await tx.maybe(sql`select 1 from payments.suspense where tenant_id = ${tenantId} and attempt_id = ${a.id} and txn_no = ${a.txnNo}`)) !==
  undefined

export const insertRefund = (
  tx: Tx,
  tenantId: number,
  r: Pick<
    RefundRow,
    | 'id'
    | 'orderId'
    | 'attemptId'
    | 'txnNo'
    | 'outRefundNo'
    | 'state'
    | 'amountFen'
    | 'cause'
    | 'fromAccountId'
    | 'line'
    | 'note'
    | 'requestedBy'
    | 'approvedBy'
    | 'createdAt'
  > & { readonly dueAt: Date },
) =>
  tx.run(sql`
    insert into payments.refund (tenant_id, id, order_id, attempt_id, txn_no, out_refund_no, state, amount_fen, cause, from_account_id, line, note, requested_by, approved_by, tries, due_at, created_at)
    values (${tenantId}, ${r.id}, ${r.orderId}, ${r.attemptId}, ${r.txnNo}, ${r.outRefundNo}, ${r.state}, ${r.amountFen}, ${r.cause}, ${r.fromAccountId}, ${r.line}, ${r.note}, ${r.requestedBy},
      ${r.approvedBy}, 0, ${r.dueAt}, ${r.createdAt})`)

/** Reserves part of what was paid. The condition is looked at again under the row's lock, so no sequence of calls reserves more. */
export const reserveRefund = async (tx: Tx, tenantId: number, orderId: string, amountFen: number) =>
  (await tx.run(sql`
    update payments."order" set reserved_fen = reserved_fen + ${amountFen}, version = version + 1
    where tenant_id = ${tenantId} and id = ${orderId} and refunded_fen + reserved_fen + ${amountFen} <= paid_fen`)) === 1

export const settleReserved = (tx: Tx, tenantId: number, orderId: string, amountFen: number, done: boolean) =>
  tx.run(sql`
    update payments."order" set reserved_fen = reserved_fen - ${amountFen}, refunded_fen = refunded_fen + ${done ? amountFen : 0}, version = version + 1
    where tenant_id = ${tenantId} and id = ${orderId}`)

export const findRefund = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<RefundRow>(sql`select ${REFUND_COLUMNS} from payments.refund r where r.tenant_id = ${tenantId} and r.id = ${id}`)

export const lockRefund = (tx: Tx, tenantId: number, id: string) =>
  tx.one<RefundRow>(sql`select ${REFUND_COLUMNS} from payments.refund r where r.tenant_id = ${tenantId} and r.id = ${id} for update`)

export const findRefundByNo = (tx: Tx, tenantId: number, outRefundNo: string) =>
  tx.maybe<RefundRow>(
    sql`select ${REFUND_COLUMNS} from payments.refund r where r.tenant_id = ${tenantId} and r.out_refund_no = ${outRefundNo}`,
  )

export const listRefunds = (tx: Tx, tenantId: number, orderId: string) =>
  tx.rows<RefundRow>(
    sql`select ${REFUND_COLUMNS} from payments.refund r where r.tenant_id = ${tenantId} and r.order_id = ${orderId} order by r.created_at, r.id`,
  )

export const takeDueRefunds = (tx: Tx, tenantId: number, now: Date, until: Date, limit: number) =>
  tx.rows<{ id: string }>(sql`
    update payments.refund u set tries = u.tries + 1, due_at = ${until}
    from (
      select id from payments.refund
      where tenant_id = ${tenantId} and finished_at is null and due_at <= ${now} and state in (${REFUND.approved}, ${REFUND.submitted}, ${REFUND.unknown})
      order by due_at limit ${limit} for update skip locked) d
    where u.tenant_id = ${tenantId} and u.id = d.id
    returning u.id`)

export const moveRefund = async (
  tx: Tx,
  tenantId: number,
  id: string,
  from: readonly number[],
  to: number,
  extra: { failure?: string; dueAt?: Date; finishedAt?: Date; approvedBy?: string } = {},
) =>
  (await tx.run(sql`
    update payments.refund set state = ${to}, failure = coalesce(${extra.failure ?? null}, failure), due_at = coalesce(${extra.dueAt ?? null}, due_at),
      finished_at = coalesce(${extra.finishedAt ?? null}, finished_at), approved_by = coalesce(${extra.approvedBy ?? null}, approved_by)
    where tenant_id = ${tenantId} and id = ${id} and state = any(${[...from]}::smallint[])`)) === 1

export const noteRefundFailure = (tx: Tx, tenantId: number, id: string, failure: string) =>
  tx.run(sql`update payments.refund set failure = ${failure} where tenant_id = ${tenantId} and id = ${id}`)

/** Refunds that wait for a second person, the oldest first. */
export const listRequestedRefunds = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<RefundRow>(sql`
    select ${REFUND_COLUMNS} from payments.refund r where r.tenant_id = ${tenantId} and r.state = ${REFUND.requested} order by r.created_at, r.id limit ${limit}`)

export const countWaiting = (tx: Tx, tenantId: number) =>
  tx.one<{ count: number }>(sql`
    select (select count(*) from payments.refund where tenant_id = ${tenantId} and state = ${REFUND.requested})
      + (select count(*) from payments.cash_void where tenant_id = ${tenantId} and decided_at is null) as count`)
