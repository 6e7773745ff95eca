import { sql, type Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { POSTING } from '../model.ts'
import type { CheckRow } from './layout.ts'
import type { PostingFacts } from './model.ts'

export interface CheckFileRow {
  readonly id: string
  readonly billerId: string
  readonly day: string
  readonly name: string
  /** Rows that stand, and their sum. */
  readonly rows: number
  readonly sumFen: number
  readonly receivedAt: Date
}

const COLUMNS = sql`f.id, f.biller_id as "billerId", f.day, f.name, f.rows, f.sum_fen as "sumFen", f.received_at as "receivedAt"`

/** One comparison of a biller at a time: files of neighbouring days look at each other's rows. */
export const lockChecks = (tx: Tx, tenantId: number, billerId: string) =>
  tx.run(sql`select pg_advisory_xact_lock(hashtextextended(${`billing.checks:${tenantId}:${billerId}`}, 0))`)

export const findCounting = (tx: Tx, tenantId: number, billerId: string, day: string) =>
  tx.maybe<CheckFileRow & { sha256: Buffer }>(sql`
    select ${COLUMNS}, f.sha256 from billing.check_file f
    where f.tenant_id = ${tenantId} and f.biller_id = ${billerId} and f.day = ${day} and f.superseded_at is null`)

/** Lets a file count in place of those of the same day, of which one may have the very same bytes. */
export async function putFile(
  tx: Tx,
  tenantId: number,
  f: CheckFileRow & { readonly sha256: Buffer; readonly by: string; readonly fileSealed: (id: string) => Buffer },
): Promise<string> {
  const same = sql`tenant_id = ${tenantId} and biller_id = ${f.billerId} and day = ${f.day}`
  await tx.run(sql`update billing.check_file set superseded_at = ${f.receivedAt} where ${same} and superseded_at is null`)
  await tx.run(sql`delete from billing.check_row where ${same}`)
  const { id } = await tx.one<{ id: string }>(sql`
    insert into billing.check_file (tenant_id, id, biller_id, day, sha256, name, rows, sum_fen, received_at, received_by, file_sealed)
    values (${tenantId}, ${f.id}, ${f.billerId}, ${f.day}, ${f.sha256}, ${f.name}, ${f.rows}, ${f.sumFen}, ${f.receivedAt}, ${f.by}, ${f.fileSealed(f.id)})
    on conflict (tenant_id, biller_id, day, sha256) do update set superseded_at = null
    returning id`)
  return id
}

const ROWS_AT_ONCE = 10_000

export async function insertRows(tx: Tx, tenantId: number, billerId: string, day: string, rows: readonly CheckRow[]): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    const some = rows.slice(from, from + ROWS_AT_ONCE)
    await tx.run(sql`
      insert into billing.check_row (tenant_id, biller_id, day, posting_no, amount_fen, is_standing)
      select ${tenantId}, ${billerId}, ${day}, n.no, n.fen, n.stands
      from unnest(${some.map(r => r.postingNo)}::text[], ${some.map(r => r.amountFen)}::bigint[], ${some.map(r => r.isStanding)}::boolean[]) as n (no, fen, stands)`)
  }
}

export const findFile = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<CheckFileRow & { fileSealed: Buffer }>(
    sql`select ${COLUMNS}, f.file_sealed as "fileSealed" from billing.check_file f where f.tenant_id = ${tenantId} and f.id = ${id}`,
  )

/** Files that count, newest day first. */
export const listFiles = (
  tx: Tx,
  tenantId: number,
  span: { readonly from: string; readonly to: string; readonly billerId: string | null },
) =>
  tx.rows<CheckFileRow>(sql`
    select ${COLUMNS} from billing.check_file f
    where f.tenant_id = ${tenantId} and f.day between ${span.from} and ${span.to} and f.superseded_at is null
      and (${span.billerId}::text is null or f.biller_id = ${span.billerId}) order by f.day desc, f.biller_id`)

const FACTS = sql`p.id, p.order_id as "orderId", p.state, p.amount_fen as "amountFen", p.paid_at as "paidAt", p.finished_at as "finishedAt"`

/** Postings a biller was told of under these numbers, those of other billers left out. */
export async function mapTold(tx: Tx, tenantId: number, billerId: string, numbers: readonly string[]): Promise<Map<string, PostingFacts>> {
  const rows = await tx.rows<PostingFacts>(sql`
    select ${FACTS} from billing.posting p
    where p.tenant_id = ${tenantId} and p.biller_id = ${billerId} and p.id = any(${numbers.filter(isUuid)}::uuid[])`)
  return new Map(rows.map(row => [row.id, row]))
}

/** Check files state what was paid of bills; what was ordered is asked about one by one. */
export const sqlOfBill = sql`exists (select from billing.bill b where b.tenant_id = p.tenant_id and b.id = p.bill_id)`

/** What the biller answered within [from, to) that it has booked, and no file of it states. */
export const listUnstated = (tx: Tx, tenantId: number, billerId: string, from: Date, to: Date, limit: number) =>
  tx.rows<PostingFacts>(sql`
    select ${FACTS} from billing.posting p
    where p.tenant_id = ${tenantId} and p.biller_id = ${billerId} and p.state = ${POSTING.posted} and p.finished_at >= ${from} and p.finished_at < ${to}
      and ${sqlOfBill}
      and not exists (
        select from billing.check_row r
        where r.tenant_id = ${tenantId} and r.biller_id = ${billerId} and r.is_standing and r.posting_no = p.id::text)
    order by p.id limit ${limit}`)

export async function mapStated(
  tx: Tx,
  tenantId: number,
  billerId: string,
  numbers: readonly string[],
): Promise<Map<string, { readonly day: string; readonly amountFen: number }>> {
  const rows = await tx.rows<{ postingNo: string; day: string; amountFen: number }>(sql`
    select r.posting_no as "postingNo", r.day, r.amount_fen as "amountFen" from billing.check_row r
    where r.tenant_id = ${tenantId} and r.biller_id = ${billerId} and r.is_standing and r.posting_no = any(${[...numbers]}::text[]) order by r.day`)
  return new Map(rows.map(row => [row.postingNo, row]))
}

/** Days of [from, to] without a file that counts, oldest first. */
export async function listMissingDays(tx: Tx, tenantId: number, billerId: string, from: string, to: string): Promise<string[]> {
  const rows = await tx.rows<{ day: string }>(sql`
    select d::date as day from generate_series(${from}::date, ${to}::date, interval '1 day') d
    where not exists (select from billing.check_file f
      where f.tenant_id = ${tenantId} and f.biller_id = ${billerId} and f.day = d::date and f.superseded_at is null)
    order by 1`)
  return rows.map(row => row.day)
}

/** Lets the worker look after postings at once. */
export const wakePostings = (tx: Tx, tenantId: number, ids: readonly string[], now: Date) =>
  tx.run(sql`
    update billing.posting set due_at = least(due_at, ${now}) where tenant_id = ${tenantId} and id = any(${[...ids]}::uuid[]) and finished_at is null`)
