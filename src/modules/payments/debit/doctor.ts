import { type Db, firstOf, type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { listBalances } from '#modules/ledger/index.ts'
import type { Check } from '#modules/trail/index.ts'
import { ATTEMPT, DEBIT, ORDER, REFUND } from '../model.ts'
import { BATCH, ROW } from './model.ts'

async function empty(tx: Tx, id: string, name: string, query: Sql): Promise<Check> {
  const bad = await tx.rows<Record<string, unknown>>(firstOf(query, 5))
  return { id, name, ok: bad.length === 0, detail: bad.length === 0 ? '' : JSON.stringify(bad) }
}

/** D1 to D4: batches are what was sealed, accounts in transit what the bank owes, rows agree with orders and refunds. */
export async function checkDebits(db: Db, tenantId: number): Promise<Check[]> {
  const t = tenantId
  return db.read(t, async tx => [
    await empty(
      tx,
      'D1',
      'batches hold the rows they were sealed with; what is closed has none without an answer',
      sql`
      select b.batch_no, b.state, b.rows, b.total_fen, q.rows as counted, q.fen, q.open from payments.debit_batch b
      left join (
        select batch_id, count(*) as rows, sum(amount_fen) as fen, count(*) filter (where state = ${ROW.unknown}) as open,
          count(*) filter (where state = ${ROW.waiting}) as waiting, max(seq) as last, count(seq) as numbered
        from payments.debit_row where tenant_id = ${t} and state <> ${ROW.withdrawn} group by 1) q on q.batch_id = b.id
      where b.tenant_id = ${t}
        and (b.rows <> coalesce(q.rows, 0) or b.total_fen <> coalesce(q.fen, 0)
          or (b.state = ${BATCH.draft} and coalesce(q.waiting, 0) <> coalesce(q.rows, 0))
          or (b.state > ${BATCH.draft} and (coalesce(q.waiting, 0) > 0 or coalesce(q.numbered, 0) <> b.rows or coalesce(q.last, 0) <> b.rows))
          or (b.state between ${BATCH.sealed} and ${BATCH.acked} and b.rows > 0 and b.sha256 is null)
          or (b.state = ${BATCH.closed} and coalesce(q.open, 0) > 0))`,
    ),
    await checkTransit(tx, t),
    await empty(
      tx,
      'D3',
      'each row agrees with its order: locked until the bank has answered, paid exactly when it debited, free when it did not',
      sql`
      select r.order_no, r.state, o.state as order_state, a.state as attempt_state from payments.debit_row r
      join payments."order" o on o.tenant_id = ${t} and o.id = r.order_id
      join payments.attempt_state a on a.tenant_id = ${t} and a.id = r.attempt_id
      where r.tenant_id = ${t} and (
        (r.state in (${ROW.waiting}, ${ROW.unknown}) and (o.state <> ${ORDER.open} or o.amount_fen <> r.amount_fen
          or not exists (select from payments.claim c where c.tenant_id = ${t} and c.order_id = o.id)))
        or (r.state in (${ROW.debited}, ${ROW.returned}) and (o.state <> ${ORDER.paid} or o.paid_attempt_id <> r.attempt_id or a.txn_no <> r.bank_no))
        or (r.state in (${ROW.failed}, ${ROW.withdrawn}) and (o.state <> ${ORDER.closed} or a.state = ${ATTEMPT.succeeded}))
        or (r.state = ${ROW.late} and not exists (
          select from payments.suspense s where s.tenant_id = ${t} and s.attempt_id = r.attempt_id and s.txn_no = r.bank_no and s.amount_fen = r.amount_fen)))
      union all
      select a.out_trade_no, null, o.state, a.state from payments.attempt a join payments."order" o on o.tenant_id = ${t} and o.id = a.order_id
      where a.tenant_id = ${t} and a.channel = ${DEBIT} and not exists (select from payments.debit_row r where r.tenant_id = ${t} and r.attempt_id = a.id)`,
    ),
    await empty(
      tx,
      'D4',
      'a debit taken back is one finished return of the whole order',
      sql`
      select r.order_no, r.amount_fen, q.fen from payments.debit_row r
      left join (
        select attempt_id, sum(amount_fen) as fen from payments.refund
        where tenant_id = ${t} and cause = 'debit_returned' and state = ${REFUND.succeeded} group by 1) q on q.attempt_id = r.attempt_id
      where r.tenant_id = ${t} and (case when r.state = ${ROW.returned} then r.amount_fen else 0 end) <> coalesce(q.fen, 0)`,
    ),
  ])
}

/** D2: what stands on 1013 of each batch is what its bank debited less what went back and what it paid over: it owes exactly that. */
async function checkTransit(tx: Tx, tenantId: number): Promise<Check> {
  const owed = await tx.rows<{ code: string; fen: number }>(sql`
    select '1013:' || b.bank || ':' || b.batch_no as code, (coalesce(q.fen, 0) - coalesce(f.fen, 0) - coalesce(p.fen, 0))::bigint as fen from payments.debit_batch b
    left join (
      select batch_id, sum(amount_fen) as fen from payments.debit_row
      where tenant_id = ${tenantId} and state in (${ROW.debited}, ${ROW.returned}, ${ROW.late}) group by 1) q on q.batch_id = b.id
    left join (
      select r.batch_id, sum(x.amount_fen) as fen from payments.refund x
      join payments.debit_row r on r.tenant_id = ${tenantId} and r.attempt_id = x.attempt_id
      where x.tenant_id = ${tenantId} and x.state = ${REFUND.succeeded} group by 1) f on f.batch_id = b.id
    left join (
      select party, mchid, sum(amount_fen) as fen from payments.bank_move
      where tenant_id = ${tenantId} and kind = 'debit' and booked_at is not null group by 1, 2) p on p.party = b.bank and p.mchid = b.batch_no
    where b.tenant_id = ${tenantId}`)
  const booked = (await listBalances(tx, tenantId)).filter(row => row.code.startsWith('1013:'))
  const held = new Map(booked.map(row => [row.code, row.amount]))
  const differ = [
    ...owed.filter(row => row.fen !== (held.get(row.code) ?? 0)).map(row => ({ ...row, booked: held.get(row.code) ?? 0 })),
    ...booked.filter(row => row.amount !== 0 && !owed.some(one => one.code === row.code)),
  ]
  return {
    id: 'D2',
    name: 'each account of debits in transit holds what the bank debited less what went back or was paid over',
    ok: differ.length === 0,
    detail: differ.length === 0 ? '' : JSON.stringify(differ.slice(0, 5)),
  }
}
