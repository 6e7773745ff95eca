import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { firstIdAt } from '#kernel/id.ts'
import { addMs } from '#kernel/time.ts'
import { ATTEMPT, ORDER, PREPAID, PREPAY_SUBJECT, REFUND } from '../model.ts'

/** Instants [from, to). */
export interface Span {
  readonly from: Date
  readonly to: Date
}

/** Money of a day may belong to an order from up to so long before: the longest a channel is asked about an attempt, rounded up. */
const ORDER_AGE_MS_MAX = 48 * 3_600_000
/** Or after: cash of a window without network becomes an order when it is uploaded. */
const UPLOAD_MS_MAX = 7 * 24 * 3_600_000

const placedIn = (tenantId: number, { from, to }: Span): Sql =>
  sql`o.tenant_id = ${tenantId} and o.id >= ${firstIdAt(from)}::uuid and o.id < ${firstIdAt(to)}::uuid`

/** Orders paid in a span. Identifiers grow with time, so the primary key finds them: an index on `paid_at` would cost every payment. */
const paidIn = (tenantId: number, { from, to }: Span): Sql =>
  sql`${placedIn(tenantId, { from: addMs(from, -ORDER_AGE_MS_MAX), to: addMs(to, UPLOAD_MS_MAX) })} and o.paid_at >= ${from} and o.paid_at < ${to}`

export type Dimension = 'all' | 'channel' | 'place' | 'payee'

export interface CollectedRow {
  readonly by: Dimension
  /** Channel, place, or the payee's ledger account as text; '' for the whole. */
  readonly key: string
  readonly orders: number
  readonly fen: number
}

/**
 * What was collected in a span: whole, by channel, by place and by payee, from one pass over its orders. Money paid in advance came in
 * once, when it was paid in; its payee has it once a bill is paid from it.
 */
export const listCollected = (tx: Tx, tenantId: number, span: Span) =>
  tx.rows<CollectedRow>(sql`
    with paid as (
      select o.id, o.place, a.channel, l.payee_account_id, l.amount_fen, a.channel <> ${PREPAID} as came, l.subject_kind <> ${PREPAY_SUBJECT} as had
      from payments."order" o
      join payments.attempt a on a.tenant_id = o.tenant_id and a.id = o.paid_attempt_id
      join payments.order_line l on l.tenant_id = o.tenant_id and l.order_id = o.id
      where ${paidIn(tenantId, span)})
    select case grouping(channel, place) when 3 then 'all' when 1 then 'channel' else 'place' end as by, coalesce(channel, place, '') as key,
      count(distinct id) as orders, coalesce(sum(amount_fen), 0)::bigint as fen
    from paid where came group by grouping sets ((), (channel), (place))
    union all
    select 'payee', payee_account_id::text, count(distinct id), sum(amount_fen)::bigint from paid where had group by payee_account_id
    order by fen desc, key`)

/** Refunds that left the house: what goes back to money held in advance stays here. */
const wentBack = (tenantId: number): Sql =>
  sql`r.tenant_id = ${tenantId} and r.state = ${REFUND.succeeded} and not exists (select from payments.attempt a
    where a.tenant_id = r.tenant_id and a.id = r.attempt_id and a.channel = ${PREPAID})`

/** What went back in a span, by cause. */
export const listReturned = (tx: Tx, tenantId: number, { from, to }: Span) =>
  tx.rows<{ cause: string; refunds: number; fen: number }>(sql`
    select r.cause, count(*) as refunds, sum(r.amount_fen)::bigint as fen from payments.refund r
    where ${wentBack(tenantId)} and r.finished_at >= ${from} and r.finished_at < ${to} group by r.cause order by fen desc, r.cause`)

/** How the tries of a span failed: refused by the channel under a code, or given up unpaid for a reason. */
export interface FailureRow {
  readonly outcome: 'refused' | 'closed'
  readonly channel: string
  readonly cause: string
  readonly orders: number
  readonly fen: number
}

const REFUSED_CODE = sql`split_part(a.failure, ':', 1)`

export const listFailures = (tx: Tx, tenantId: number, span: Span) =>
  tx.rows<FailureRow>(sql`
    select 'refused' as outcome, a.channel, ${REFUSED_CODE} as cause, count(distinct o.id) as orders, sum(a.amount_fen)::bigint as fen
    from payments."order" o join payments.attempt a on a.tenant_id = o.tenant_id and a.order_id = o.id
    where ${placedIn(tenantId, span)} and a.state = ${ATTEMPT.failed} and o.paid_attempt_id is distinct from a.id group by 2, 3
    union all
    select 'closed', '', o.close_reason, count(*), sum(o.amount_fen)::bigint
    from payments."order" o
    where ${placedIn(tenantId, span)} and o.state = ${ORDER.closed} and o.close_reason <> 'attempt_refused' group by 3
    order by orders desc, cause`)

export interface OrderFilter {
  readonly channel?: string | undefined
  readonly place?: string | undefined
  readonly payeeAccountId?: number | undefined
  readonly outcome: 'paid' | 'refused' | 'closed'
  /** Of a refusal its code, of a closure its reason. */
  readonly cause?: string | undefined
}

export interface OrderRecord {
  readonly id: string
  readonly code: string
  readonly title: string
  readonly place: string
  readonly channel: string | null
  readonly state: number
  readonly amountFen: number
  readonly refundedFen: number
  readonly createdAt: Date
  readonly paidAt: Date | null
  readonly cause: string | null
}

function whereOf(tenantId: number, span: Span, f: OrderFilter): Sql {
  const given = sql`(${f.place ?? null}::text is null or o.place = ${f.place ?? null}) and (${f.channel ?? null}::text is null or a.channel = ${f.channel ?? null})
    and (${f.payeeAccountId ?? null}::integer is null or exists (select from payments.order_line l
      where l.tenant_id = o.tenant_id and l.order_id = o.id and l.payee_account_id = ${f.payeeAccountId ?? null}))`
  // Money held in advance came in before: it is among what its payee had, and what was paid by it, but no money that came.
  const isNarrow = f.payeeAccountId !== undefined || f.channel !== undefined || f.place !== undefined
  const came = sql`(${isNarrow} or a.channel <> ${PREPAID}) and (${f.payeeAccountId === undefined} or not exists (select from payments.order_line l
    where l.tenant_id = o.tenant_id and l.order_id = o.id and l.subject_kind = ${PREPAY_SUBJECT}))`
  if (f.outcome === 'paid') return sql`${paidIn(tenantId, span)} and a.id = o.paid_attempt_id and ${given} and ${came}`
  const cause = f.cause ?? null
  if (f.outcome === 'refused')
    return sql`${placedIn(tenantId, span)} and a.state = ${ATTEMPT.failed} and o.paid_attempt_id is distinct from a.id and ${given}
      and (${cause}::text is null or ${REFUSED_CODE} = ${cause})`
  return sql`${placedIn(tenantId, span)} and o.state = ${ORDER.closed} and o.close_reason <> 'attempt_refused' and ${given}
    and (${cause}::text is null or o.close_reason = ${cause})`
}

/** The orders behind a figure, the newest first. An order that was tried twice stands here once, with its last try. */
export const listOrdersBehind = (tx: Tx, tenantId: number, span: Span, f: OrderFilter, page: { offset: number; limit: number }) =>
  tx.rows<OrderRecord>(sql`
    select distinct on (o.id) o.id, o.code, o.title, o.place, a.channel, o.state, o.amount_fen as "amountFen", o.refunded_fen as "refundedFen",
      o.created_at as "createdAt", o.paid_at as "paidAt", ${f.outcome === 'refused' ? REFUSED_CODE : sql`o.close_reason`} as cause
    from payments."order" o left join payments.attempt a on a.tenant_id = o.tenant_id and a.order_id = o.id
    where ${whereOf(tenantId, span, f)}
    order by o.id desc, a.id desc limit ${page.limit} offset ${page.offset}`)

export const countOrdersBehind = async (tx: Tx, tenantId: number, span: Span, f: OrderFilter): Promise<number> =>
  (
    await tx.one<{ count: number }>(sql`
      select count(distinct o.id) as count
      from payments."order" o left join payments.attempt a on a.tenant_id = o.tenant_id and a.order_id = o.id
      where ${whereOf(tenantId, span, f)}`)
  ).count

/** Money people have to look at: in suspense without a refund of its own, refunds no channel brings on, refunds a second person has not seen. */
export const countWaiting = (tx: Tx, tenantId: number) =>
  tx.one<{ suspended: number; suspendedFen: number; stuck: number; requested: number; unknown: number }>(sql`
    select (select count(*) from payments.suspense where tenant_id = ${tenantId} and refund_id is null and resolved_at is null) as suspended,
      (select coalesce(sum(amount_fen), 0)::bigint from payments.suspense where tenant_id = ${tenantId} and refund_id is null and resolved_at is null) as "suspendedFen",
      (select count(*) from payments.refund where tenant_id = ${tenantId} and finished_at is null and state = ${REFUND.abnormal}) as stuck,
      (select count(*) from payments.refund where tenant_id = ${tenantId} and finished_at is null and state = ${REFUND.requested}) as requested,
      (select count(*) from payments.open_attempt u join payments.attempt a on a.tenant_id = u.tenant_id and a.id = u.attempt_id
        where u.tenant_id = ${tenantId} and a.state = ${ATTEMPT.unknown}) as unknown`)

/** How each order stands in its path, to be joined with how it began: when it was handed to a channel, and when paid. */
export const sqlOrderSteps = (tenantId: number): Sql => sql`
  select o.id, o.paid_at, o.mismatch,
    exists (select from payments.attempt a where a.tenant_id = o.tenant_id and a.order_id = o.id and (a.launch is not null or a.id = o.paid_attempt_id)) as handed
  from payments."order" o where o.tenant_id = ${tenantId}`

/** What each day of a span brought by channel, from its paid orders. */
export const listDays = (tx: Tx, tenantId: number, span: Span) =>
  tx.rows<{ day: string; channel: string; orders: number; fen: number }>(sql`
    select to_char(o.paid_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD') as day, a.channel, count(*) as orders, sum(o.paid_fen)::bigint as fen
    from payments."order" o join payments.attempt a on a.tenant_id = o.tenant_id and a.id = o.paid_attempt_id
    where ${paidIn(tenantId, span)} and a.channel <> ${PREPAID} group by 1, 2 order by 1, 2`)

export const listReturnedDays = (tx: Tx, tenantId: number, { from, to }: Span) =>
  tx.rows<{ day: string; refunds: number; fen: number }>(sql`
    select to_char(r.finished_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD') as day, count(*) as refunds, sum(r.amount_fen)::bigint as fen from payments.refund r
    where ${wentBack(tenantId)} and r.finished_at >= ${from} and r.finished_at < ${to} group by 1 order by 1`)

/** Turns at drawers counted in a span, by the day of the count. */
export const listCounted = (tx: Tx, tenantId: number, { from, to }: Span) =>
  tx.rows<{ day: string; turns: number; overFen: number }>(sql`
    select to_char(closed_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD') as day, count(*) as turns, sum(counted_fen - expected_fen)::bigint as "overFen"
    from payments.drawer_session where tenant_id = ${tenantId} and closed_at >= ${from} and closed_at < ${to} group by 1 order by 1`)

/** Orders placed somewhere since an instant, by what they pay: failed where a channel refused them or did not answer, whatever became of that since, and nothing paid them. */
export const sqlOrderTries = (tenantId: number, place: string, since: Date): Sql => sql`
  select o.id as order_id, l.subject_id,
    o.paid_attempt_id is null and exists (select from payments.attempt a where a.tenant_id = o.tenant_id and a.order_id = o.id
      and a.failure is not null) as failed
  from payments."order" o join payments.order_line l on l.tenant_id = o.tenant_id and l.order_id = o.id
  where ${placedIn(tenantId, { from: since, to: new Date('9999-01-01T00:00:00Z') })} and o.place = ${place} and o.created_at >= ${since}`
/** What became of the money of each paid subject of a kind; `self_back_fen` went back by itself or at its payer's wish, not by people's decision. */
export const sqlSubjectMoney = (tenantId: number, subjectKind: string): Sql => sql`
  select l.subject_id, o.id as order_id, o.paid_at, o.paid_fen, o.refunded_fen + o.reserved_fen as back_fen,
    coalesce((select sum(r.amount_fen) from payments.refund r where r.tenant_id = ${tenantId} and r.order_id = o.id and r.state <> ${REFUND.closed}
      and r.cause in ('undone_by_payer', 'wrong_payment', 'biller_refused', 'biller_reversed')), 0) as self_back_fen
  from payments."order" o join payments.order_line l on l.tenant_id = o.tenant_id and l.order_id = o.id
  where o.tenant_id = ${tenantId} and l.subject_kind = ${subjectKind} and o.paid_at is not null`

/** Subjects of a kind that an order pays or is about to. */
export const sqlHeldSubjects = (tenantId: number, subjectKind: string): Sql =>
  sql`select subject_id from payments.claim where tenant_id = ${tenantId} and subject_kind = ${subjectKind}`
