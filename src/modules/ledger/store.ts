import { join, type Sql, sql, type Tx } from '#kernel/db/index.ts'
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
  readonly id: string
  readonly code: Template
  readonly ref: string
  readonly unit: Unit
  readonly effectiveAt: Date
  readonly reverses?: string
}

/** False when this template was booked for this reference before. */
export async function insertJournal(tx: Tx, tenantId: number, journal: JournalRow, postings: readonly Posting[]): Promise<boolean> {
  const inserted = await tx.run(sql`
    insert into ledger.journal (tenant_id, id, code, ref, unit, effective_at, reverses)
    values (${tenantId}, ${journal.id}, ${journal.code}, ${journal.ref}, ${journal.unit}, ${journal.effectiveAt}, ${journal.reverses ?? null})
    on conflict (tenant_id, code, ref) do nothing`)
  if (inserted === 0) return false
  const rows: Sql[] = postings.map(({ accountId, amount }, line) => sql`(${tenantId}::integer, ${journal.id}::uuid, ${line + 1}::smallint, ${accountId}::integer, ${amount}::bigint)`)
  await tx.run(sql`insert into ledger.entry (tenant_id, journal_id, line, account_id, amount) values ${join(rows)}`)
  return true
}

export const journalPostings = (tx: Tx, tenantId: number, journalId: string) =>
  tx.rows<Posting>(sql`
    select account_id as "accountId", amount from ledger.entry
    where tenant_id = ${tenantId} and journal_id = ${journalId} order by line`)

export const findJournal = (tx: Tx, tenantId: number, code: Template, ref: string) =>
  tx.maybe<{ id: string; unit: Unit }>(sql`select id, unit from ledger.journal where tenant_id = ${tenantId} and code = ${code} and ref = ${ref}`)

export async function addToBalances(tx: Tx, tenantId: number, sums: ReadonlyMap<number, { amount: number; entries: number }>): Promise<void> {
  // In account order, so that two folders never wait for each other in a ring.
  const rows = [...sums].sort(([a], [b]) => a - b).map(([account, sum]) => sql`(${tenantId}::integer, ${account}::integer, ${sum.amount}::bigint, ${sum.entries}::bigint)`)
  if (rows.length === 0) return
  await tx.run(sql`
    insert into ledger.balance as b (tenant_id, account_id, amount, entries) values ${join(rows)}
    on conflict (tenant_id, account_id) do update set amount = b.amount + excluded.amount, entries = b.entries + excluded.entries`)
}

/** `unfolded` is the trail's fragment for events after the fold's cursor, with a column `body`. */
export const exactBalances = (tx: Tx, tenantId: number, unfolded: Sql) =>
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
    where a.tenant_id = ${tenantId}
    order by a.code`)

export const fullSums = (tx: Tx, tenantId: number) =>
  tx.rows<{ accountId: number; amount: number }>(sql`
    select account_id as "accountId", sum(amount)::bigint as amount from ledger.entry where tenant_id = ${tenantId} group by account_id`)

export const unbalancedJournals = (tx: Tx, tenantId: number) =>
  tx.rows<{ id: string }>(sql`
    select j.id from ledger.journal j
    left join ledger.entry e on e.tenant_id = j.tenant_id and e.journal_id = j.id
    where j.tenant_id = ${tenantId}
    group by j.id having count(e.line) < 2 or coalesce(sum(e.amount), 1) <> 0
    limit 20`)

export const orphanEntries = (tx: Tx, tenantId: number) =>
  tx.rows<{ id: string }>(sql`
    select e.journal_id as id from ledger.entry e
    where e.tenant_id = ${tenantId}
      and (not exists (select 1 from ledger.journal j where j.tenant_id = e.tenant_id and j.id = e.journal_id)
        or not exists (select 1 from ledger.account a where a.tenant_id = e.tenant_id and a.id = e.account_id))
    limit 20`)

export const inexactReversals = (tx: Tx, tenantId: number) =>
  tx.rows<{ id: string }>(sql`
    select j.id from ledger.journal j
    where j.tenant_id = ${tenantId} and j.reverses is not null
      and exists (
        select 1 from ledger.entry e
        where e.tenant_id = j.tenant_id and e.journal_id in (j.id, j.reverses)
        group by e.account_id having sum(e.amount) <> 0)
    limit 20`)

/** Rights on the append-only tables as the database itself sees them. */
export const canRewrite = (tx: Tx, table: string) =>
  tx.one<{ rewritable: boolean }>(sql`select has_table_privilege('yimen_app', ${table}, 'update') or has_table_privilege('yimen_app', ${table}, 'delete') as rewritable`)

/** Text of the insert of many journals from a row source with columns id, ref and at, as a part of a larger statement. `$1` is the tenant. */
export const sqlInsertJournals = (source: string, code: Template, unit: Unit): string => `
  insert into ledger.journal (tenant_id, id, code, ref, unit, effective_at)
  select $1::integer, s.journal_id, '${code}', s.ref, '${unit}', s.at from ${source} s`

/** Text of the insert of their entries; the source has journal_id, accounts integer[] and amounts bigint[]. */
export const sqlInsertEntries = (source: string): string => `
  insert into ledger.entry (tenant_id, journal_id, line, account_id, amount)
  select $1::integer, s.journal_id, p.line, p.account, p.amount
  from ${source} s cross join lateral unnest(s.accounts, s.amounts) with ordinality as p(account, amount, line)`

/** Reference and sum of debits of each journal of these templates, to be joined with the facts of other modules. */
export const sqlJournalDebits = (tenantId: number, codes: readonly Template[]): Sql => sql`
  select j.ref, sum(e.amount) filter (where e.amount > 0) as debit
  from ledger.journal j join ledger.entry e on e.tenant_id = j.tenant_id and e.journal_id = j.id
  where j.tenant_id = ${tenantId} and j.code = any(${[...codes]})
  group by j.id, j.ref`
