import { sql, type Tx } from '#kernel/db/index.ts'
import { sqlPayeeNet } from '#modules/payments/index.ts'

export interface SettlementRow {
  readonly id: string
  readonly billerId: string
  readonly day: string
  readonly madeAt: Date
  readonly rows: number
  readonly collectedFen: number
  readonly returnedFen: number
}

export interface CorrectedRow extends SettlementRow {
  /** Bookings that belong to this day and stand in files of later ones, and what they change. */
  readonly corrections: number
  readonly correctedFen: number
}

const COLUMNS = sql`s.id, s.biller_id as "billerId", s.day, s.made_at as "madeAt", s.rows, s.collected_fen as "collectedFen", s.returned_fen as "returnedFen"`

/** One settlement of a biller is made at a time, or two could hold the same booking. */
export const lockSettlements = (tx: Tx, tenantId: number, billerId: string) =>
  tx.run(sql`select pg_advisory_xact_lock(hashtextextended(${`billing.settlement:${tenantId}:${billerId}`}, 0))`)

const CORRECTED = sql`${COLUMNS}, coalesce(c.corrections, 0)::integer as corrections, coalesce(c.fen, 0)::bigint as "correctedFen"`
const sqlCorrections = (tenantId: number) => sql`
  left join lateral (
    select count(*) as corrections, sum(l.net_fen) as fen from billing.settlement_line l
    where l.tenant_id = ${tenantId} and l.biller_id = s.biller_id and l.corrects = s.day) c on true`

export const findSettlement = (tx: Tx, tenantId: number, billerId: string, day: string) =>
  tx.maybe<SettlementRow>(
    sql`select ${COLUMNS} from billing.settlement s where s.tenant_id = ${tenantId} and s.biller_id = ${billerId} and s.day = ${day}`,
  )

export const listSettlements = (
  tx: Tx,
  tenantId: number,
  span: { readonly from: string; readonly to: string; readonly billerId: string | null },
) =>
  tx.rows<CorrectedRow>(sql`
    select ${CORRECTED} from billing.settlement s ${sqlCorrections(tenantId)}
    where s.tenant_id = ${tenantId} and s.day between ${span.from} and ${span.to} and (${span.billerId}::text is null or s.biller_id = ${span.billerId})
    order by s.day desc, s.biller_id`)

export const findFile = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<CorrectedRow & { fileSealed: Buffer }>(sql`
    select ${CORRECTED}, s.file_sealed as "fileSealed" from billing.settlement s ${sqlCorrections(tenantId)}
    where s.tenant_id = ${tenantId} and s.id = ${id}`)

/** Documents that correct a settled day, and the day in whose file each stands. */
export const listCorrecting = (tx: Tx, tenantId: number, s: Pick<SettlementRow, 'billerId' | 'day'>) =>
  tx.rows<{ ref: string; code: string; day: string }>(sql`
    select ref, code, day from billing.settlement_line where tenant_id = ${tenantId} and biller_id = ${s.billerId} and corrects = ${s.day}`)

/** The settled day each of these documents belongs to, by ref. */
export async function mapSettledDays(tx: Tx, tenantId: number, billerId: string, refs: readonly string[]): Promise<Map<string, string>> {
  const rows = await tx.rows<{ ref: string; day: string }>(sql`
    select ref, max(coalesce(corrects, day)) as day from billing.settlement_line
    where tenant_id = ${tenantId} and biller_id = ${billerId} and ref = any(${[...refs]}::text[]) group by ref`)
  return new Map(rows.map(row => [row.ref, row.day]))
}

/** Which of these days a biller has a settlement of. */
export async function settledDays(tx: Tx, tenantId: number, billerId: string, days: readonly string[]): Promise<Set<string>> {
  const rows = await tx.rows<{ day: string }>(sql`
    select day from billing.settlement where tenant_id = ${tenantId} and biller_id = ${billerId} and day = any(${[...days]}::date[])`)
  return new Set(rows.map(row => row.day))
}

export const insertSettlement = (tx: Tx, tenantId: number, s: SettlementRow & { readonly sha256: Buffer; readonly fileSealed: Buffer }) =>
  tx.run(sql`
    insert into billing.settlement (tenant_id, biller_id, day, id, made_at, rows, collected_fen, returned_fen, sha256, file_sealed)
    values (${tenantId}, ${s.billerId}, ${s.day}, ${s.id}, ${s.madeAt}, ${s.rows}, ${s.collectedFen}, ${s.returnedFen}, ${s.sha256}, ${s.fileSealed})`)

export interface SettledNet {
  readonly ref: string
  readonly code: string
  readonly netFen: number
  /** The settled day it belongs to, when that is an earlier one. */
  readonly corrects: string | null
}

export const insertSettled = (tx: Tx, tenantId: number, billerId: string, day: string, nets: readonly SettledNet[]) =>
  tx.run(sql`
    insert into billing.settlement_line (tenant_id, biller_id, ref, code, day, net_fen, corrects)
    select ${tenantId}, ${billerId}, n.ref, n.code, ${day}, n.net_fen, n.corrects
    from unnest(${nets.map(n => n.ref)}::text[], ${nets.map(n => n.code)}::text[], ${nets.map(n => n.netFen)}::bigint[],
      ${nets.map(n => n.corrects)}::date[]) as n (ref, code, net_fen, corrects)`)

/** Of these documents, the bookings a settlement holds already: 'CODE ref'. */
export async function settledRefs(tx: Tx, tenantId: number, billerId: string, refs: readonly string[]): Promise<Set<string>> {
  const rows = await tx.rows<{ key: string }>(sql`
    select code || ' ' || ref as key from billing.settlement_line where tenant_id = ${tenantId} and biller_id = ${billerId} and ref = any(${[...refs]}::text[])`)
  return new Set(rows.map(row => row.key))
}

/** Days of [from, to] a biller has no settlement of, oldest first. */
export const listDueDays = (tx: Tx, tenantId: number, from: string, to: string) =>
  tx.rows<{ day: string; billerId: string }>(sql`
    select d::date as day, b.id as "billerId" from generate_series(${from}::date, ${to}::date, interval '1 day') d
    cross join billing.biller b
    where b.tenant_id = ${tenantId}
      and not exists (select from billing.settlement s where s.tenant_id = ${tenantId} and s.biller_id = b.id and s.day = d::date)
    order by 1, 2`)

/** Receipt numbers by 'order bill'. */
export async function mapReceiptNos(tx: Tx, tenantId: number, orderIds: readonly string[]): Promise<Map<string, string>> {
  const rows = await tx.rows<{ key: string; no: string }>(sql`
    select order_id || ' ' || bill_id as key, receipt_no as no from billing.receipt where tenant_id = ${tenantId} and order_id = any(${[...orderIds]}::uuid[])`)
  return new Map(rows.map(row => [row.key, row.no]))
}

/** What the settlements of a biller say they hold, what their bookings sum to in the books, and bookings whose amount differs. */
export const compareSettled = (tx: Tx, tenantId: number, biller: { readonly id: string; readonly payableAccountId: number }) => {
  const ever = { payeeAccountId: biller.payableAccountId, from: new Date(0), to: new Date('9999-12-31T00:00:00Z') }
  return tx.one<{ settledFen: number; heldFen: number; doubled: number }>(sql`
    select (select coalesce(sum(collected_fen - returned_fen), 0)::bigint from billing.settlement
        where tenant_id = ${tenantId} and biller_id = ${biller.id}) as "settledFen",
      coalesce(sum(n."netFen"), 0)::bigint as "heldFen", count(*) filter (where n."netFen" is distinct from l.net_fen) as doubled
    from billing.settlement_line l
    left join (${sqlPayeeNet(tenantId, ever)}) n on n.ref = l.ref and n.code = l.code
    where l.tenant_id = ${tenantId} and l.biller_id = ${biller.id}`)
}

/** Bookings said to correct a day that is not an earlier settled one of their biller. */
export const sqlCorrectingNothing = (tenantId: number) => sql`
  select l.biller_id, l.ref, l.day, l.corrects from billing.settlement_line l
  left join billing.settlement s on s.tenant_id = l.tenant_id and s.biller_id = l.biller_id and s.day = l.corrects
  where l.tenant_id = ${tenantId} and l.corrects is not null and (s.day is null or l.corrects >= l.day)`

/** What files after `to` change about settled days of [from, to], by biller. */
export async function mapCorrectedAfter(tx: Tx, tenantId: number, from: string, to: string): Promise<Map<string, number>> {
  const rows = await tx.rows<{ billerId: string; fen: number }>(sql`
    select biller_id as "billerId", sum(net_fen)::bigint as fen from billing.settlement_line
    where tenant_id = ${tenantId} and corrects between ${from} and ${to} and day > ${to} group by 1`)
  return new Map(rows.map(row => [row.billerId, row.fen]))
}
