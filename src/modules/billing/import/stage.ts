import type { Ctx } from '#kernel/context.ts'
import { maskAddress, maskName } from '#kernel/crypto/mask.ts'
import { copyCell, copyInto, copyNullable } from '#kernel/db/copy.ts'
import { empty, isUniqueViolation, type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { newCode, newId } from '#kernel/id.ts'
import type { ImportedBill } from './row-mapper.ts'

// All SQL of the import: rows go by COPY into a stage, then into accounts and bills by one statement each.

export interface StageWriter {
  /** Takes a row; memory is freed by `drain`. */
  add(bill: ImportedBill): void
  drain(): Promise<void>
  end(): Promise<void>
}

/** Opens the COPY into the stage. Until `end` nothing else may run on this transaction. */
export function openStage(tx: Tx, ctx: Ctx, batchId: string): StageWriter {
  const { clock, random } = ctx.kernel
  const copy = copyInto(tx, 'billing.import_stage')
  const prefix = `${ctx.tenantId}\t${batchId}\t`
  return {
    ...copy,
    add(b) {
      const names = `${newId(clock, random)}\t${newCode(random)}\t${copyCell(b.accountNo)}\t${copyCell(b.holder)}\t${copyCell(b.address)}\t${copyCell(b.billNo)}`
      const figures = `${b.periodFrom}\t${b.periodTo}\t${b.amountFen}\t${b.dueOn}\t${copyNullable(b.usageE3)}\t${copyNullable(b.readingFromE3)}\t${copyNullable(b.readingToE3)}`
      copy.add(`${prefix}${b.line}\t${names}\t${figures}\t${copyCell(b.linesJson)}\t${b.isClosed ? 't' : 'f'}`)
    },
  }
}

interface StagedAccount {
  readonly accountNo: string
  readonly holder: string
  readonly address: string
  readonly isClosed: boolean
  readonly id: string | null
  readonly holderSealed: Buffer | null
  readonly addressSealed: Buffer | null
  readonly wasClosed: boolean | null
  readonly isRepeated: boolean
}

export interface Merged {
  readonly created: number
  /** An account was known before, or the file may ask it twice for one period: only then can bills repeat others. */
  readonly mayRepeat: boolean
}

const FETCH_ROWS = 5_000

export const holderCell = (accountId: string): string => `billing|account|holder|${accountId}`
export const addressCell = (accountId: string): string => `billing|account|address|${accountId}`

/** Opens accounts named for the first time and refreshes those whose name, address or state changed. */
export async function mergeAccounts(tx: Tx, ctx: Ctx, billerId: string, batchId: string, at: Date): Promise<Merged> {
  const t = ctx.tenantId
  // The stage has no statistics, so the planner would expect a handful of rows and walk an index a million times.
  await tx.run(sql`set local enable_nestloop = off`)
  await tx.run(sql`set local work_mem = '64MB'`)
  await tx.run(sql`
    declare staged_accounts no scroll cursor for
    select s.account_no as "accountNo", s.holder, s.address, s.is_closed as "isClosed", a.id, a.holder_sealed as "holderSealed",
      a.address_sealed as "addressSealed", a.is_closed as "wasClosed", l.count > bit_count(l.months::bit(64)) as "isRepeated"
    -- A bit for each month; those of five years differ, so fewer bits than rows say that a month may come twice.
    from (select max(line) as line, count(*) as count,
        bit_or(1::bigint << ((substr(period_from, 1, 4)::integer * 12 + substr(period_from, 6, 2)::integer) & 63)) as months
      from billing.import_stage where tenant_id = ${t} and batch_id = ${batchId} group by account_no) l
    join billing.import_stage s on s.line = l.line and s.tenant_id = ${t} and s.batch_id = ${batchId}
    left join billing.account a on a.tenant_id = ${t} and a.biller_id = ${billerId} and a.account_no = s.account_no`)
  let created = 0
  let mayRepeat = false
  for (;;) {
    const rows = await tx.prepared<StagedAccount>('billing_import_fetch', `fetch ${FETCH_ROWS} from staged_accounts`, [])
    if (rows.length === 0) break
    const fresh = rows.filter(row => row.id === null)
    created += fresh.length
    mayRepeat ||= fresh.length < rows.length || rows.some(row => row.isRepeated)
    if (fresh.length > 0) await insertAccounts(tx, ctx, billerId, fresh, at)
    const changed = rows.filter(row => row.id !== null && isChanged(ctx, row))
    if (changed.length > 0) await updateAccounts(tx, ctx, changed)
  }
  await tx.run(sql`close staged_accounts`)
  return { created, mayRepeat }
}

function isChanged(ctx: Ctx, row: StagedAccount): boolean {
  const differs = (given: string, cell: string, sealed: Buffer | null) =>
    given !== '' && (sealed === null || ctx.kernel.vault.open(ctx.tenantId, cell, sealed) !== given)
  return (
    row.isClosed !== row.wasClosed ||
    differs(row.holder, holderCell(row.id!), row.holderSealed) ||
    differs(row.address, addressCell(row.id!), row.addressSealed)
  )
}

const sealed = (ctx: Ctx, cell: string, plain: string): Buffer | null =>
  plain === '' ? null : ctx.kernel.vault.seal(ctx.tenantId, cell, plain)

function columnsOf(ctx: Ctx, rows: readonly (StagedAccount & { id: string })[]) {
  return sql`unnest(${rows.map(r => r.id)}::uuid[], ${rows.map(r => r.accountNo)}::text[], ${rows.map(r => maskName(r.holder))}::text[],
    ${rows.map(r => sealed(ctx, holderCell(r.id), r.holder))}::bytea[], ${rows.map(r => maskAddress(r.address))}::text[],
    ${rows.map(r => sealed(ctx, addressCell(r.id), r.address))}::bytea[], ${rows.map(r => r.isClosed)}::boolean[])
    as n (id, account_no, holder_mask, holder_sealed, address_mask, address_sealed, is_closed)`
}

function insertAccounts(tx: Tx, ctx: Ctx, billerId: string, rows: readonly StagedAccount[], at: Date): Promise<number> {
  const named = rows.map(row => ({ ...row, id: newId(ctx.kernel.clock, ctx.kernel.random) }))
  return tx.run(sql`
    insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, holder_sealed, address_mask, address_sealed, is_closed, opened_at)
    select ${ctx.tenantId}, n.id, ${billerId}, n.account_no, n.holder_mask, n.holder_sealed, n.address_mask, n.address_sealed, n.is_closed, ${at}
    from ${columnsOf(ctx, named)}`)
}

/** What the file leaves blank stays as it was. */
function updateAccounts(tx: Tx, ctx: Ctx, rows: readonly StagedAccount[]): Promise<number> {
  return tx.run(sql`
    update billing.account a set is_closed = n.is_closed,
      holder_mask = case when n.holder_sealed is null then a.holder_mask else n.holder_mask end, holder_sealed = coalesce(n.holder_sealed, a.holder_sealed),
      address_mask = case when n.address_sealed is null then a.address_mask else n.address_mask end, address_sealed = coalesce(n.address_sealed, a.address_sealed)
    from ${columnsOf(ctx, rows as (StagedAccount & { id: string })[])} where a.tenant_id = ${ctx.tenantId} and a.id = n.id`)
}

const insertBills = (tx: Tx, tenantId: number, billerId: string, batchId: string, at: Date, onConflict: Sql) =>
  tx.run(sql`
    insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, usage_e3, reading_from_e3,
      reading_to_e3, lines, batch_id, issued_at)
    select s.tenant_id, s.id, s.code, ${billerId}, a.id, s.bill_no, s.period_from, s.period_to, s.amount_fen, s.due_on, s.usage_e3, s.reading_from_e3,
      s.reading_to_e3, s.lines, ${batchId}, ${at}
    from billing.import_stage s
    join billing.account a on a.tenant_id = ${tenantId} and a.biller_id = ${billerId} and a.account_no = s.account_no
    where s.tenant_id = ${tenantId} and s.batch_id = ${batchId}
    ${onConflict}`)

/** The plain insert first: looking for known bill numbers row by row costs more than trying again in the rare file that has some. */
export async function mergeBills(tx: Tx, tenantId: number, billerId: string, batchId: string, at: Date): Promise<number> {
  await tx.run(sql`savepoint bills`)
  try {
    return await insertBills(tx, tenantId, billerId, batchId, at, empty)
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    await tx.run(sql`rollback to savepoint bills`)
    return insertBills(tx, tenantId, billerId, batchId, at, sql`on conflict (tenant_id, biller_id, bill_no) do nothing`)
  }
}

export interface Clash {
  readonly line: number
  readonly billNo: string
}

/** Rows whose bill number stands already with other content. */
export const listClashes = (tx: Tx, tenantId: number, billerId: string, batchId: string, limit: number) =>
  tx.rows<Clash & { count: number }>(sql`
    select s.line, s.bill_no as "billNo", count(*) over () as count
    from billing.import_stage s
    join billing.bill b on b.tenant_id = ${tenantId} and b.biller_id = ${billerId} and b.bill_no = s.bill_no
    join billing.account a on a.tenant_id = ${tenantId} and a.id = b.account_id
    where s.tenant_id = ${tenantId} and s.batch_id = ${batchId} and b.id <> s.id
      and (s.account_no, s.period_from, s.period_to, s.amount_fen, s.due_on, s.lines) is distinct from (a.account_no, b.period_from, b.period_to, b.amount_fen, b.due_on, b.lines)
    order by s.line limit ${limit}`)

export interface Twin extends Clash {
  readonly otherNo: string
}

/** New bills that ask an account for what another of its bills, not withdrawn, asks already: same period, same lines. */
export const listTwins = (tx: Tx, tenantId: number, billerId: string, batchId: string, limit: number) =>
  tx.rows<Twin & { count: number }>(sql`
    select t.line, t."billNo", t."otherNo", count(*) over () as count
    from (
      select s.line, s.bill_no as "billNo", min(o.bill_no) as "otherNo"
      from billing.import_stage s
      join billing.account a on a.tenant_id = ${tenantId} and a.biller_id = ${billerId} and a.account_no = s.account_no
      join billing.bill b on b.tenant_id = ${tenantId} and b.id = s.id
      join billing.bill o on o.tenant_id = ${tenantId} and o.account_id = a.id and o.period_from = s.period_from and o.period_to = s.period_to
        and o.amount_fen = s.amount_fen and o.lines = s.lines and o.id <> s.id and o.withdrawn_at is null
      left join billing.import_stage e on e.tenant_id = ${tenantId} and e.batch_id = ${batchId} and e.id = o.id
      where s.tenant_id = ${tenantId} and s.batch_id = ${batchId} and (e.line is null or e.line < s.line)
      group by s.line, s.bill_no) t
    order by t.line limit ${limit}`)

export const clearStage = (tx: Tx, tenantId: number, batchId: string) =>
  tx.run(sql`delete from billing.import_stage where tenant_id = ${tenantId} and batch_id = ${batchId}`)
