import { firstOf, join, type Sql, sql, type Tx } from '#kernel/db/index.ts'
import type { Posting, Template, Unit } from './model.ts'

export interface AccountRow {
  readonly id: number
  readonly code: string
  readonly unit: Unit
}

export const findAccount = (tx: Tx, tenantId: number, code: string) =>
  tx.maybe<AccountRow>(sql`select id, code, unit from ledger.account where tenant_id = ${tenantId} and code = ${code}`)

/** Numbers are given under a lock per tenant: accounts are opened rarely and numbers must be small and dense. */
export async function insertAccount(tx: Tx, tenantId: number, code: string, unit: Unit, at: Date): Promise<AccountRow> {
  await tx.run(sql`select pg_advisory_xact_lock(7420002, ${tenantId})`)
  await tx.run(sql`
    insert into ledger.account (tenant_id, id, code, unit, opened_at)
    select ${tenantId}::integer, coalesce(max(id), 0) + 1, ${code}::text, ${unit}::text, ${at}::timestamptz from ledger.account where tenant_id = ${tenantId}
    on conflict (tenant_id, code) do nothing`)
  return tx.one<AccountRow>(sql`select id, code, unit from ledger.account where tenant_id = ${tenantId} and code = ${code}`)
}

export interface JournalRow {
  readonly code: Template
  /** The document booked: a channel's number for a payment, a refund's own for its reservation. */
  readonly ref: string
  /** What of ours the document belongs to. */
  readonly about: string
  readonly unit: Unit
  readonly effectiveAt: Date
  /** Template taken back, for a REVERSAL. */
  readonly reverses?: Template
}

/** False when the document was booked before. */
export const insertJournal = async (tx: Tx, tenantId: number, journal: JournalRow, postings: readonly Posting[]): Promise<boolean> =>
  (await tx.run(sql`
    insert into ledger.journal (tenant_id, about, ref, code, reverses, unit, effective_at, accounts, amounts)
    values (${tenantId}, ${journal.about}, ${journal.ref}, ${journal.code}, ${journal.reverses ?? ''}, ${journal.unit}, ${journal.effectiveAt},
      ${postings.map(p => p.accountId)}::integer[], ${postings.map(p => p.amount)}::bigint[])
    on conflict do nothing`)) === 1

export const findJournal = (tx: Tx, tenantId: number, ref: string) =>
  tx.maybe<{ code: Template; about: string; unit: Unit; accounts: number[]; amounts: number[] }>(sql`
    select code, about, unit, accounts, amounts from ledger.journal where tenant_id = ${tenantId} and ref = ${ref} and reverses = ''`)

export async function addToBalances(
  tx: Tx,
  tenantId: number,
  sums: ReadonlyMap<number, { amount: number; entries: number }>,
): Promise<void> {
  // In account order, so that two folders never wait for each other in a ring.
  const rows = [...sums]
    .sort(([a], [b]) => a - b)
    .map(([account, sum]) => sql`(${tenantId}::integer, ${account}::integer, ${sum.amount}::bigint, ${sum.entries}::bigint)`)
  if (rows.length === 0) return
  await tx.run(sql`
    insert into ledger.balance as b (tenant_id, account_id, amount, entries) values ${join(rows)}
    on conflict (tenant_id, account_id) do update set amount = b.amount + excluded.amount, entries = b.entries + excluded.entries`)
}

/** `unfolded` is the trail's fragment for events after the fold's cursor, with a column `body`. Of some accounts, or of all. */
export const exactBalances = (tx: Tx, tenantId: number, unfolded: Sql, accountIds: readonly number[] | null = null) =>
  tx.rows<{ accountId: number; code: string; amount: number }>(sql`
    with tail as (
      select p.account::integer as account_id, sum(p.amount::bigint)::bigint as amount
      from (${unfolded}) u
      cross join lateral rows from (jsonb_array_elements_text(u.body -> 'accounts'), jsonb_array_elements_text(u.body -> 'amounts')) as p(account, amount)
      where u.body ? 'accounts'
      group by 1)
    select a.id as "accountId", a.code, (coalesce(b.amount, 0) + coalesce(t.amount, 0))::bigint as amount
    from ledger.account a
    left join ledger.balance b on b.tenant_id = a.tenant_id and b.account_id = a.id
    left join tail t on t.account_id = a.id
    where a.tenant_id = ${tenantId} and (${accountIds}::integer[] is null or a.id = any(${accountIds}::integer[]))
    order by a.code`)

export const fullSums = (tx: Tx, tenantId: number) =>
  tx.rows<{ accountId: number; amount: number }>(sql`
    select account_id as "accountId", sum(amount)::bigint as amount from ledger.entry where tenant_id = ${tenantId} group by account_id`)

/** What breaks a rule is named by a few examples. */
const EXAMPLES_MAX = 20

export const unbalancedJournals = (tx: Tx, tenantId: number) =>
  tx.rows<{ ref: string; code: string }>(
    firstOf(
      sql`
    select ref, code from ledger.entry where tenant_id = ${tenantId}
    group by ref, code, reverses having count(*) < 2 or sum(amount) <> 0 or min(abs(amount)) = 0`,
      EXAMPLES_MAX,
    ),
  )

export const orphanEntries = (tx: Tx, tenantId: number) =>
  tx.rows<{ ref: string; account: number }>(
    firstOf(
      sql`
    select e.ref, e.account_id as account from ledger.entry e
    where e.tenant_id = ${tenantId} and not exists (select 1 from ledger.account a where a.tenant_id = e.tenant_id and a.id = e.account_id)`,
      EXAMPLES_MAX,
    ),
  )

export const inexactReversals = (tx: Tx, tenantId: number) =>
  tx.rows<{ ref: string }>(
    firstOf(
      sql`
    select r.ref from ledger.journal r
    left join ledger.journal o on o.tenant_id = r.tenant_id and o.ref = r.ref and o.code = r.reverses and o.reverses = ''
    where r.tenant_id = ${tenantId} and r.code = 'REVERSAL'
      and (o.ref is null or o.accounts <> r.accounts or o.amounts <> (select array_agg(-x order by n) from unnest(r.amounts) with ordinality as u(x, n)))`,
      EXAMPLES_MAX,
    ),
  )

/**
 * Bookings without their event; `events` is the trail's fragment of what this module recorded. Those of PAY are recorded with
 * the payment. `except` is one pass over each side whatever the planner believes of the queue's size; `not in` and joins were not.
 */
export const silentJournals = (tx: Tx, tenantId: number, events: Sql) =>
  tx.rows<{ ref: string; code: string }>(
    firstOf(
      sql`
    select j.ref, j.code from ledger.journal j where j.tenant_id = ${tenantId} and j.code <> 'PAY'
    except select e.subject_id, e.body ->> 'code' from (${events}) e`,
      EXAMPLES_MAX,
    ),
  )

/** Rights on the append-only tables as the database itself sees them. */
export const canRewrite = (tx: Tx, table: string) =>
  tx.one<{ rewritable: boolean }>(
    sql`select has_table_privilege('yimen_app', ${table}, 'update') or has_table_privilege('yimen_app', ${table}, 'delete') as rewritable`,
  )

/** Text of the insert of many journals, as a part of a larger statement. The source has about, ref, at, accounts integer[] and amounts bigint[]; `$1` is the tenant. */
export const sqlInsertJournals = (source: string, code: Template, unit: Unit): string => `
  insert into ledger.journal (tenant_id, about, ref, code, reverses, unit, effective_at, accounts, amounts)
  select $1::integer, s.about, s.ref, '${code}', '', '${unit}', s.at, s.accounts, s.amounts from ${source} s`

/** Document, what of ours it belongs to, and sum of debits of each journal of these templates, to be joined with the facts of other modules. */
export const sqlJournalDebits = (tenantId: number, codes: readonly Template[]): Sql => sql`
  select ref, about, sum(amount) filter (where amount > 0) as debit from ledger.entry
  where tenant_id = ${tenantId} and code = any(${[...codes]})
  group by ref, about, code, reverses`

/** Document, what it belongs to, template, amount on one account (absolute) and instant of each journal of these templates that moved the account within [from, to). */
export const sqlMovements = (tenantId: number, accountId: number, codes: readonly Template[], from: Date, to: Date): Sql => sql`
  select ref, about, code, abs(amounts[array_position(accounts, ${accountId}::integer)]) as fen, effective_at as at from ledger.journal
  where tenant_id = ${tenantId} and effective_at >= ${from} and effective_at < ${to} and code = any(${[...codes]})
    and ${accountId}::integer = any(accounts)`

/** Journals of documents that moved an account: what they belong to and the signed amount on it. */
export const findMovements = (tx: Tx, tenantId: number, refs: readonly string[], accountId: number) =>
  tx.rows<{ ref: string; about: string; amount: number }>(sql`
    select ref, about, amounts[array_position(accounts, ${accountId}::integer)] as amount from ledger.journal
    where tenant_id = ${tenantId} and ref = any(${[...refs]}::text[]) and reverses = '' and ${accountId}::integer = any(accounts)`)

/** What of ours, and the signed amount, of each entry of a template on accounts of one class, such as 1221. */
export const sqlEntriesOf = (tenantId: number, code: Template, accountClass: string): Sql => sql`
  select e.about, e.amount from ledger.entry e join ledger.account a on a.tenant_id = e.tenant_id and a.id = e.account_id
  where e.tenant_id = ${tenantId} and e.code = ${code} and a.code like ${`${accountClass}:%`}`

/** Sum of the entries of each account of a class. */
export const sqlSumsOf = (tenantId: number, accountClass: string): Sql => sql`
  select e.account_id, sum(e.amount)::bigint as amount from ledger.entry e join ledger.account a on a.tenant_id = e.tenant_id and a.id = e.account_id
  where e.tenant_id = ${tenantId} and a.code like ${`${accountClass}:%`} group by 1`

/** What each journal moved on one account within [from, to): document, template, what it belongs to, instant and signed sum. */
export const sqlMovedOn = (tenantId: number, accountId: number, from: Date, to: Date): Sql => sql`
  select j.ref, j.code, j.about, j.effective_at as at, sum(p.amount)::bigint as fen
  from ledger.journal j cross join lateral unnest(j.accounts, j.amounts) as p(account_id, amount)
  where j.tenant_id = ${tenantId} and j.effective_at >= ${from} and j.effective_at < ${to} and p.account_id = ${accountId}
  group by j.ref, j.code, j.about, j.effective_at`

/** What each of these documents moved on an account, likewise. */
export const sqlMovedBy = (tenantId: number, accountId: number, refs: readonly string[]): Sql => sql`
  select j.ref, j.code, j.about, j.effective_at as at, sum(p.amount)::bigint as fen
  from ledger.journal j cross join lateral unnest(j.accounts, j.amounts) as p(account_id, amount)
  where j.tenant_id = ${tenantId} and j.ref = any(${[...refs]}::text[]) and p.account_id = ${accountId}
  group by j.ref, j.code, j.about, j.effective_at`

/** Balance of every account before an instant, from the entries themselves. */
export const balancesBefore = (tx: Tx, tenantId: number, before: Date) =>
  tx.rows<{ code: string; amount: number }>(sql`
    select a.code, coalesce(sum(p.amount), 0)::bigint as amount
    from ledger.journal j cross join lateral unnest(j.accounts, j.amounts) as p(account_id, amount)
    join ledger.account a on a.tenant_id = j.tenant_id and a.id = p.account_id
    where j.tenant_id = ${tenantId} and j.effective_at < ${before}
    group by a.code order by a.code`)
