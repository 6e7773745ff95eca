import { sql, type Tx } from '#kernel/db/index.ts'
import { firstIdAt } from '#kernel/id.ts'
import { sqlHeldSubjects, sqlOrderSteps } from '#modules/payments/index.ts'

export interface NewJourney {
  readonly id: string
  readonly visitor: Buffer
  readonly billId: string
  readonly place: string
  readonly way: string
  readonly begunAt: Date
  /** Who looked the bill up, at a window. */
  readonly staffId: string | null
}

/** The newest path of a visitor to one of these bills since an instant that led to no order yet. */
export const findOpenJourney = (tx: Tx, tenantId: number, visitor: Buffer, billIds: readonly string[], since: Date) =>
  tx.maybe<{ id: string }>(sql`
    select id from billing.journey
    where tenant_id = ${tenantId} and visitor = ${visitor} and bill_id = any(${[...billIds]}::uuid[]) and id >= ${firstIdAt(since)}::uuid and order_id is null
    order by id desc limit 1`)

export const insertJourney = (tx: Tx, tenantId: number, j: NewJourney) =>
  tx.run(sql`
    insert into billing.journey (tenant_id, id, visitor, bill_id, place, way, begun_at, staff_id)
    values (${tenantId}, ${j.id}, ${j.visitor}, ${j.billId}, ${j.place}, ${j.way}, ${j.begunAt}, ${j.staffId})`)

export const confirmJourney = (tx: Tx, tenantId: number, id: string, orderId: string, at: Date) =>
  tx.run(sql`
    update billing.journey set order_id = ${orderId}, confirmed_at = ${at} where tenant_id = ${tenantId} and id = ${id} and order_id is null`)

export const findUnendedJourney = (tx: Tx, tenantId: number, orderId: string) =>
  tx.maybe<{ id: string }>(sql`
    select id from billing.journey where tenant_id = ${tenantId} and order_id = ${orderId} and ended_at is null limit 1`)

export const endJourney = (tx: Tx, tenantId: number, id: string, at: Date) =>
  tx.run(sql`update billing.journey set ended_at = ${at} where tenant_id = ${tenantId} and id = ${id} and ended_at is null`)

/** Step counts, and seconds between steps of those that got there; null where nobody did. */
export interface FunnelRow {
  readonly begun: number
  readonly confirmed: number
  readonly handed: number
  readonly paid: number
  readonly ended: number
  readonly odd: number
  readonly confirmS50: number | null
  readonly confirmS90: number | null
  readonly payS50: number | null
  readonly payS90: number | null
  readonly receiptS50: number | null
  readonly receiptS90: number | null
  readonly wholeS50: number | null
  readonly wholeS90: number | null
  readonly inTime: number
}

/** What of the paths begun in [from, to) became of each step. `limit_s`: seconds from bill to payment that count as in time. */
export const readFunnel = (
  tx: Tx,
  tenantId: number,
  span: { readonly from: Date; readonly to: Date; readonly place: string | null; readonly limit_s: number },
) =>
  tx.one<FunnelRow>(sql`
    with path as (
      select j.begun_at, j.confirmed_at, j.ended_at, s.handed, s.mismatch or r.state is not null as odd,
        s.paid_at, extract(epoch from j.confirmed_at - j.begun_at) as confirm_s, extract(epoch from s.paid_at - j.confirmed_at) as pay_s,
        extract(epoch from j.ended_at - s.paid_at) as receipt_s, extract(epoch from s.paid_at - j.begun_at) as whole_s
      from billing.journey j
      left join (${sqlOrderSteps(tenantId)}) s on s.id = j.order_id
      left join billing.wrong_payment r on r.tenant_id = j.tenant_id and r.order_id = j.order_id
      where j.tenant_id = ${tenantId} and j.id >= ${firstIdAt(span.from)}::uuid and j.id < ${firstIdAt(span.to)}::uuid
        and (${span.place}::text is null or j.place = ${span.place}))
    select count(*) as begun, count(confirmed_at) as confirmed, count(*) filter (where handed) as handed, count(paid_at) as paid,
      count(ended_at) filter (where paid_at is not null) as ended, count(*) filter (where odd and confirmed_at is not null) as odd,
      percentile_disc(0.5) within group (order by confirm_s)::float8 as "confirmS50", percentile_disc(0.9) within group (order by confirm_s)::float8 as "confirmS90",
      percentile_disc(0.5) within group (order by pay_s)::float8 as "payS50", percentile_disc(0.9) within group (order by pay_s)::float8 as "payS90",
      percentile_disc(0.5) within group (order by receipt_s)::float8 as "receiptS50", percentile_disc(0.9) within group (order by receipt_s)::float8 as "receiptS90",
      percentile_disc(0.5) within group (order by whole_s)::float8 as "wholeS50", percentile_disc(0.9) within group (order by whole_s)::float8 as "wholeS90",
      count(*) filter (where whole_s <= ${span.limit_s}) as "inTime"
    from path`)

/** Bills looked up at windows by who did and on which day, and those of them nobody has paid or is paying. */
export const listLookups = (tx: Tx, tenantId: number, span: { readonly from: Date; readonly to: Date }) =>
  tx.rows<{ clerkId: string; day: string; lookups: number; abandoned: number }>(sql`
    select j.staff_id as "clerkId", to_char(j.begun_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD') as day, count(*) as lookups,
      count(*) filter (where j.order_id is null and not exists (select from (${sqlHeldSubjects(tenantId, 'bill')}) h where h.subject_id = j.bill_id)) as abandoned
    from billing.journey j
    where j.tenant_id = ${tenantId} and j.staff_id is not null and j.id >= ${firstIdAt(span.from)}::uuid and j.id < ${firstIdAt(span.to)}::uuid
    group by 1, 2`)
