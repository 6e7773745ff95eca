import { copyCell, copyInto, copyNullable } from '#kernel/db/copy.ts'
import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { addDays, startOfDay } from '#kernel/time.ts'
import { POSTING } from '../model.ts'
import type { ShadowClass } from './model.ts'
import type { StatedPayment } from './row.ts'

export interface StageWriter {
  /** Takes a row; memory is freed by `drain`. */
  add(payment: StatedPayment): void
  drain(): Promise<void>
  end(): Promise<void>
}

const cellOrNull = (text: string | undefined): string | number => (text === undefined ? copyNullable(undefined) : copyCell(text))

/** Opens the COPY into the stage. Until `end` nothing else may run on this transaction. */
export function openStage(tx: Tx, tenantId: number, batchId: string): StageWriter {
  const copy = copyInto(tx, 'billing.past_stage')
  const prefix = `${tenantId}\t${batchId}\t`
  return {
    ...copy,
    add(p) {
      const names = `${copyCell(p.paymentNo)}\t${copyCell(p.accountNo)}\t${cellOrNull(p.billNo)}`
      copy.add(`${prefix}${p.line}\t${names}\t${p.paidOn}\t${p.amountFen}\t${cellOrNull(p.channel)}`)
    },
  }
}

export const clearStage = (tx: Tx, tenantId: number, batchId: string) =>
  tx.run(sql`delete from billing.past_stage where tenant_id = ${tenantId} and batch_id = ${batchId}`)

/** One file of a biller at a time: two copies arriving together must not both find it new. */
export const lockPast = (tx: Tx, tenantId: number, billerId: string) =>
  tx.run(sql`select pg_advisory_xact_lock(hashtextextended(${`billing.past:${tenantId}:${billerId}`}, 0))`)

/**
 * The stage and what is computed from two sides have no statistics: the planner would expect a handful of rows and walk through them
 * once for each of the others (23,000 rows: 137 s; without: 0.6 s).
 */
export const expectMany = async (tx: Tx): Promise<void> => {
  await tx.run(sql`set local enable_nestloop = off`)
  await tx.run(sql`set local work_mem = '64MB'`)
}

export interface Clash {
  readonly line: number
  readonly paymentNo: string
  readonly count: number
}

/** Rows whose number stands already, in the file or from an earlier one, with other content. */
export const listPastClashes = (tx: Tx, tenantId: number, billerId: string, batchId: string, limit: number) =>
  tx.rows<Clash>(sql`
    select s.line, s.payment_no as "paymentNo", (count(*) over ())::integer as count from billing.past_stage s
    join billing.past_payment p on p.tenant_id = ${tenantId} and p.biller_id = ${billerId} and p.payment_no = s.payment_no
    where s.tenant_id = ${tenantId} and s.batch_id = ${batchId}
      and (s.account_no, s.bill_no, s.paid_on, s.amount_fen, s.channel) is distinct from (p.account_no, p.bill_no, p.paid_on, p.amount_fen, p.channel)
    order by s.line limit ${limit}`)

export const findBatch = (tx: Tx, tenantId: number, billerId: string, sha256: Buffer) =>
  tx.maybe<{ id: string; rows: number }>(
    sql`select id, rows from billing.past_batch where tenant_id = ${tenantId} and biller_id = ${billerId} and sha256 = ${sha256}`,
  )

/** The batch and what is new in it; what stood before stays as it is. */
export async function keepBatch(
  tx: Tx,
  tenantId: number,
  b: {
    readonly id: string
    readonly billerId: string
    readonly fileName: string
    readonly sha256: Buffer
    readonly rows: number
    readonly at: Date
  },
): Promise<{ kept: number; keptFen: number; unknownAccounts: number }> {
  const found = await tx.one<{ kept: number; keptFen: number; unknownAccounts: number }>(sql`
    select count(*)::integer as kept, coalesce(sum(amount_fen), 0)::bigint as "keptFen",
      (count(distinct account_no) filter (where not is_known))::integer as "unknownAccounts"
    from (
      select distinct on (s.payment_no) s.account_no, s.amount_fen, exists (select from billing.account a
        where a.tenant_id = ${tenantId} and a.biller_id = ${b.billerId} and a.account_no = s.account_no) as is_known
      from billing.past_stage s where s.tenant_id = ${tenantId} and s.batch_id = ${b.id} and not exists (
        select from billing.past_payment p where p.tenant_id = ${tenantId} and p.biller_id = ${b.billerId} and p.payment_no = s.payment_no)
      order by s.payment_no, s.line) n`)
  await tx.run(sql`
    insert into billing.past_batch (tenant_id, id, biller_id, file_name, sha256, rows, kept, kept_fen, taken_at)
    values (${tenantId}, ${b.id}, ${b.billerId}, ${b.fileName}, ${b.sha256}, ${b.rows}, ${found.kept}, ${found.keptFen}, ${b.at})`)
  await tx.run(sql`
    insert into billing.past_payment (tenant_id, biller_id, payment_no, account_no, bill_no, paid_on, amount_fen, channel, batch_id)
    select tenant_id, ${b.billerId}, payment_no, account_no, bill_no, paid_on, amount_fen, channel, ${b.id} from billing.past_stage
    where tenant_id = ${tenantId} and batch_id = ${b.id} order by line on conflict do nothing`)
  return found
}

export interface PastPayment {
  readonly billerId: string
  readonly accountNo: string
  readonly paymentNo: string
  readonly billNo: string | null
  readonly paidOn: string
  readonly amountFen: number
  readonly channel: string | null
}

/** The newest first, each with how many there are. */
export const listPast = (tx: Tx, tenantId: number, accountId: string, offset: number, limit: number) =>
  tx.rows<PastPayment & { total: number }>(sql`
    select (count(*) over ())::integer as total, p.biller_id as "billerId", p.account_no as "accountNo", p.payment_no as "paymentNo", p.bill_no as "billNo", p.paid_on as "paidOn",
      p.amount_fen as "amountFen", p.channel
    from billing.account a
    join billing.past_payment p on p.tenant_id = a.tenant_id and p.biller_id = a.biller_id and p.account_no = a.account_no
    where a.tenant_id = ${tenantId} and a.id = ${accountId} order by p.paid_on desc, p.payment_no desc offset ${offset} limit ${limit}`)

export interface ShadowFile {
  readonly id: string
  readonly billerId: string
  readonly day: string
  readonly rows: number
  readonly totalFen: number
  readonly takenAt: Date
}

export const findShadowFile = (tx: Tx, tenantId: number, billerId: string, day: string) =>
  tx.maybe<ShadowFile & { sha256: Buffer }>(sql`
    select id, biller_id as "billerId", day, kept as rows, kept_fen as "totalFen", taken_at as "takenAt", sha256 from billing.shadow_file
    where tenant_id = ${tenantId} and biller_id = ${billerId} and day = ${day}`)

/** Puts what is staged in the place of an earlier file of the day. */
export async function replaceShadow(
  tx: Tx,
  tenantId: number,
  f: ShadowFile & { readonly fileName: string; readonly sha256: Buffer; readonly takenBy: string },
): Promise<void> {
  await tx.run(sql`delete from billing.shadow_row where tenant_id = ${tenantId} and biller_id = ${f.billerId} and day = ${f.day}`)
  await tx.run(sql`
    insert into billing.shadow_file (tenant_id, biller_id, day, id, file_name, sha256, kept, kept_fen, taken_at, taken_by)
    values (${tenantId}, ${f.billerId}, ${f.day}, ${f.id}, ${f.fileName}, ${f.sha256}, ${f.rows}, ${f.totalFen}, ${f.takenAt}, ${f.takenBy})
    on conflict (tenant_id, biller_id, day) do update set id = excluded.id, file_name = excluded.file_name, sha256 = excluded.sha256, kept = excluded.kept,
      kept_fen = excluded.kept_fen, taken_at = excluded.taken_at, taken_by = excluded.taken_by`)
  await tx.run(sql`
    insert into billing.shadow_row (tenant_id, biller_id, day, payment_no, account_no, bill_no, amount_fen)
    select tenant_id, ${f.billerId}, ${f.day}, payment_no, account_no, bill_no, amount_fen from billing.past_stage
    where tenant_id = ${tenantId} and batch_id = ${f.id}`)
}

/** Staged rows under a number that an earlier row of the file has. */
export const listRepeated = (tx: Tx, tenantId: number, batchId: string, limit: number) =>
  tx.rows<Clash>(sql`
    select line, payment_no as "paymentNo", (count(*) over ())::integer as count from (
      select line, payment_no, row_number() over (partition by payment_no order by line) as nth from billing.past_stage
      where tenant_id = ${tenantId} and batch_id = ${batchId}) r where nth > 1 order by line limit ${limit}`)

export const sumStaged = (tx: Tx, tenantId: number, batchId: string) =>
  tx.one<{ rows: number; totalFen: number }>(sql`
    select count(*)::integer as rows, coalesce(sum(amount_fen), 0)::bigint as "totalFen" from billing.past_stage
    where tenant_id = ${tenantId} and batch_id = ${batchId}`)

const GIVEN_BACK = sql`(${POSTING.rejected}, ${POSTING.reversing}, ${POSTING.reversed})`

interface Span {
  readonly billerId: string
  readonly from: string
  readonly to: string
}

/**
 * Bill by bill and day by day of [from, to]: what each side took, and how the two differ. Only days that have a file. The days
 * around are read too, because a payment near midnight may stand on either. Bills are looked at only for what differs.
 */
const sqlCompared = (tenantId: number, { billerId, from, to }: Span): Sql => sql`
  with there as (
    select r.day, r.bill_no, sum(r.amount_fen)::bigint as fen, min(r.account_no) as account_no from billing.shadow_row r
    where r.tenant_id = ${tenantId} and r.biller_id = ${billerId} and r.day between ${addDays(from, -1)} and ${addDays(to, 1)} group by 1, 2),
  here as materialized (
    select (p.paid_at at time zone 'Asia/Shanghai')::date as day, b.bill_no, sum(p.amount_fen)::bigint as fen, count(*)::integer as payments
    from billing.posting p join billing.bill b on b.tenant_id = p.tenant_id and b.id = p.bill_id
    where p.tenant_id = ${tenantId} and p.biller_id = ${billerId} and p.paid_at >= ${startOfDay(addDays(from, -1))} and p.paid_at < ${startOfDay(addDays(to, 2))}
      and p.state not in ${GIVEN_BACK}
    group by 1, 2),
  sides as (
    select day, bill_no, t.account_no, t.fen as there_fen, h.fen as here_fen
    from there t full join here h using (day, bill_no)),
  odd as materialized (select * from sides where there_fen is distinct from here_fen),
  near as (
    select distinct s.day, s.bill_no from odd s join odd n on n.bill_no = s.bill_no and n.day in (s.day - 1, s.day + 1)
    where (s.here_fen is null and n.there_fen is null and n.here_fen = s.there_fen) or (s.there_fen is null and n.here_fen is null and n.there_fen = s.here_fen)),
  compared as (
    select s.day, s.bill_no, b.id as bill_id, s.account_no, b.account_id, s.there_fen, s.here_fen,
      case when s.there_fen is not null and s.here_fen is not null then 'amount'
        when n.day is not null then 'other_day'
        when s.here_fen is not null then 'here_only'
        when b.id is null then 'unknown_bill'
        when b.settled_before then 'settled'
        else 'there_only' end as class
    from odd s
    join billing.shadow_file f on f.tenant_id = ${tenantId} and f.biller_id = ${billerId} and f.day = s.day
    left join near n on n.day = s.day and n.bill_no = s.bill_no
    left join billing.bill b on b.tenant_id = ${tenantId} and b.biller_id = ${billerId} and b.bill_no = s.bill_no
    where s.day between ${from} and ${to})`

export interface ShadowDay {
  readonly day: string
  readonly thereRows: number
  readonly thereFen: number
  readonly hereRows: number
  readonly hereFen: number
  readonly there_only: number
  readonly here_only: number
  readonly amount: number
  readonly unknown_bill: number
  readonly other_day: number
  readonly settled: number
}

/** Each day of the span that has a file, the newest first. */
export const listShadowDays = (tx: Tx, tenantId: number, span: Span) =>
  tx.rows<ShadowDay>(sql`
    ${sqlCompared(tenantId, span)}
    select f.day, f.kept as "thereRows", f.kept_fen as "thereFen", coalesce(h.payments, 0)::integer as "hereRows", coalesce(h.fen, 0)::bigint as "hereFen",
      coalesce(c.there_only, 0)::integer as there_only, coalesce(c.here_only, 0)::integer as here_only, coalesce(c.amount, 0)::integer as amount,
      coalesce(c.unknown_bill, 0)::integer as unknown_bill, coalesce(c.other_day, 0)::integer as other_day, coalesce(c.settled, 0)::integer as settled
    from billing.shadow_file f
    left join (select day, sum(payments) as payments, sum(fen) as fen from here group by day) h on h.day = f.day
    left join (select day, count(*) filter (where class = 'there_only') as there_only, count(*) filter (where class = 'here_only') as here_only,
        count(*) filter (where class = 'amount') as amount, count(*) filter (where class = 'unknown_bill') as unknown_bill,
        count(*) filter (where class = 'other_day') as other_day, count(*) filter (where class = 'settled') as settled
      from compared group by day) c on c.day = f.day
    where f.tenant_id = ${tenantId} and f.biller_id = ${span.billerId} and f.day between ${span.from} and ${span.to} order by f.day desc`)

export interface ShadowDifference {
  readonly class: ShadowClass
  readonly billNo: string
  /** Null for a bill that is not known here. */
  readonly billId: string | null
  readonly accountNo: string | null
  readonly thereFen: number | null
  readonly hereFen: number | null
}

/** What differs on a day, or only seems to: the differences first. */
export const listShadowDifferences = (tx: Tx, tenantId: number, span: Span, offset: number, limit: number) =>
  tx.rows<ShadowDifference>(sql`
    ${sqlCompared(tenantId, span)}
    select class, bill_no as "billNo", bill_id as "billId", coalesce(c.account_no, a.account_no) as "accountNo", there_fen as "thereFen", here_fen as "hereFen"
    from compared c left join billing.account a on a.tenant_id = ${tenantId} and a.id = c.account_id
    order by class in ('other_day', 'settled'), class, bill_no offset ${offset} limit ${limit}`)

export const listShadowBillers = (tx: Tx, tenantId: number) =>
  tx.rows<{ billerId: string; last: string }>(
    sql`select biller_id as "billerId", max(day) as last from billing.shadow_file where tenant_id = ${tenantId} group by 1 order by 1`,
  )

/** P1: what a batch says it kept is there; P2: the rows of a day are those its file was taken with. */
export const sqlPastFaults = (t: number): Sql => sql`
  select b.id, b.kept, count(p.payment_no) as found from billing.past_batch b
  left join billing.past_payment p on p.tenant_id = b.tenant_id and p.batch_id = b.id
  where b.tenant_id = ${t} group by b.id, b.kept, b.kept_fen having count(p.payment_no) <> b.kept or coalesce(sum(p.amount_fen), 0) <> b.kept_fen`

export const sqlShadowFaults = (t: number): Sql => sql`
  select f.biller_id, f.day, f.kept, count(r.payment_no) as found from billing.shadow_file f
  left join billing.shadow_row r on r.tenant_id = f.tenant_id and r.biller_id = f.biller_id and r.day = f.day
  where f.tenant_id = ${t} group by f.biller_id, f.day, f.kept, f.kept_fen
  having count(r.payment_no) <> f.kept or coalesce(sum(r.amount_fen), 0) <> f.kept_fen`
