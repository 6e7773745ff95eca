import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type Db, sql } from '#kernel/db/index.ts'
import { newCode, newId } from '#kernel/id.ts'
import { systemRandom } from '#kernel/random.ts'
import { systemClock } from '#kernel/time.ts'
import { listTaken, type Promises, readBooks } from './payers.ts'

const TENANT = 1

/** Where a drill keeps a server that is not the product's own. */
export const OUTSIDE = 'outside'

/** Reads the running product's database with the application's own role. */
export async function withDatabase<T>(dataDir: string, work: (db: Db) => Promise<T>): Promise<T> {
  const home = existsSync(join(dataDir, OUTSIDE)) ? join(dataDir, OUTSIDE) : dataDir
  const { yimen_app } = JSON.parse(readFileSync(join(home, 'database.json'), 'utf8')) as { yimen_app: string }
  // The fifth line of this file names the folder of the server's socket.
  const sockets = readFileSync(join(home, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n')[4]!
  const db = connect(`postgres://yimen_app:${yimen_app}@localhost/yimen?host=${encodeURIComponent(sockets)}`, {
    max: 4,
    name: 'yimen drill',
  })
  try {
    return await work(db)
  } finally {
    await db.close()
  }
}

/** Issues `count` bills of the water works, each of an account of its own; answers their codes. */
export function issueBills(db: Db, count: number): Promise<string[]> {
  const random = systemRandom()
  const numbers = Array.from({ length: count }, (_, i) => String(i).padStart(7, '0'))
  const accounts = numbers.map(() => newId(systemClock, random))
  const bills = numbers.map(() => newId(systemClock, random))
  const codes = numbers.map(() => newCode(random))
  const amounts = numbers.map(() => 100 + random.int(50_000))
  const lines = amounts.map(amount_fen => JSON.stringify([{ item: 'total', name: '水费', amount_fen }]))
  const now = systemClock.now()
  return db.tx(TENANT, async tx => {
    await tx.run(sql`
      insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at)
      select ${TENANT}::integer, a.id, 'water', '990' || a.no, '王**', '青砖一村***', false, ${now}
      from unnest(${accounts}::uuid[], ${numbers}::text[]) as a(id, no)`)
    await tx.run(sql`
      insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on,
        usage_e3, reading_from_e3, reading_to_e3, lines, issued_at)
      select ${TENANT}::integer, b.id, b.code, 'water', b.account_id, 'D' || b.no, '2026-09', '2026-10', b.amount_fen, '2099-01-01',
        41000, 1284000, 1325000, b.lines::jsonb, ${now}
      from unnest(${bills}::uuid[], ${codes}::text[], ${accounts}::uuid[], ${numbers}::text[], ${amounts}::bigint[], ${lines}::text[])
        as b(id, code, account_id, no, amount_fen, lines)`)
    return codes
  })
}

export interface Verdict {
  readonly acknowledged: number
  /** What was promised and is not in the database. */
  readonly lost: readonly string[]
  /** Bills paid more than once without a refund, payments booked more than once. */
  readonly doubled: readonly string[]
  /** Paid at the channel and unknown to the database, or known with another amount. */
  readonly unknown: readonly string[]
}

interface OrderRow {
  readonly code: string
  readonly receiptNo: string | null
}

interface AttemptRow {
  readonly outTradeNo: string
  readonly code: string
  readonly billId: string
  readonly txnNo: string | null
  readonly txnFen: number | null
}

const isUnreturned = (trade: { payments: { amount_fen: number }[]; refunds: { amount_fen: number; status: string }[] }): boolean => {
  const paid = trade.payments.reduce((sum, payment) => sum + payment.amount_fen, 0)
  const returned = trade.refunds.filter(r => r.status === 'SUCCESS' || r.status === 'PROCESSING').reduce((sum, r) => sum + r.amount_fen, 0)
  return paid > returned
}

/** Compares what was promised, what the channel holds and what the database says. */
export async function audit(db: Db, dataDir: string, promises: Promises): Promise<Verdict> {
  const { trades } = await readBooks(dataDir)
  const taken = listTaken(dataDir)
  const found = await db.read(TENANT, async tx => ({
    paid: await tx.rows<OrderRow>(sql`
      select o.code, r.receipt_no as "receiptNo" from payments."order" o
      left join billing.receipt r on r.tenant_id = o.tenant_id and r.order_id = o.id
      where o.tenant_id = ${TENANT} and o.state = 2 and o.paid_fen = o.amount_fen`),
    attempts: await tx.rows<AttemptRow>(sql`
      select a.out_trade_no as "outTradeNo", o.code, l.subject_id as "billId", x.txn_no as "txnNo", x.fen as "txnFen"
      from payments.attempt_state a
      join payments."order" o on o.tenant_id = a.tenant_id and o.id = a.order_id
      join payments.order_line l on l.tenant_id = a.tenant_id and l.order_id = a.order_id and l.line = 1
      left join (
        select about, split_part(ref, ':', 2) as txn_no, (sum(amount) filter (where amount > 0))::bigint as fen from ledger.entry
        where tenant_id = ${TENANT} and code in ('PAY', 'LATE') group by 1, 2) x on x.about = a.id
      where a.tenant_id = ${TENANT}`),
    twicePaid: await tx.rows<{ billId: string }>(sql`
      select l.subject_id as "billId" from payments.order_line l
      join payments."order" o on o.tenant_id = l.tenant_id and o.id = l.order_id
      where l.tenant_id = ${TENANT} and l.subject_kind = 'bill' and o.state = 2 and o.paid_fen > o.refunded_fen + o.reserved_fen
      group by l.subject_id having count(*) > 1`),
    twiceBooked: await tx.rows<{ ref: string }>(sql`
      select about as ref from ledger.journal where tenant_id = ${TENANT} and code = 'PAY' and reverses = '' group by about having count(*) > 1`),
    twiceReceipted: await tx.rows<{ orderId: string }>(sql`
      select order_id as "orderId" from billing.receipt where tenant_id = ${TENANT} group by order_id, bill_id having count(*) > 1`),
  }))
  const receiptOf = new Map(found.paid.map(row => [row.code, row.receiptNo]))
  const txns = new Map(found.attempts.filter(a => a.txnNo !== null).map(a => [`${a.outTradeNo} ${a.txnNo}`, a]))
  const attemptOf = new Map(found.attempts.map(a => [a.outTradeNo, a]))

  const lost = [
    ...[...promises.receipts]
      .filter(([code, receipt]) => receiptOf.get(code) !== receipt)
      .map(([code, receipt]) => `order ${code} showed ${receipt}`),
    ...taken.filter(t => !txns.has(`${t.outTradeNo} ${t.txnNo}`)).map(t => `notification of ${t.outTradeNo} was taken`),
  ]
  const unknown = trades.flatMap(trade =>
    trade.payments
      .filter(payment => txns.get(`${trade.out_trade_no} ${payment.txn_no}`)?.txnFen !== payment.amount_fen)
      .map(payment => `${trade.out_trade_no} ${payment.txn_no}`),
  )
  const held = new Map<string, number>()
  for (const trade of trades) {
    const bill = attemptOf.get(trade.out_trade_no)?.billId
    if (bill && isUnreturned(trade)) held.set(bill, (held.get(bill) ?? 0) + trade.payments.length)
  }
  const doubled = [
    ...found.twicePaid.map(row => `bill ${row.billId} has two paid orders`),
    ...[...held].filter(([, count]) => count > 1).map(([bill]) => `bill ${bill} is held twice by the channel`),
    ...found.twiceBooked.map(row => `payment ${row.ref} is booked twice`),
    ...found.twiceReceipted.map(row => `order ${row.orderId} has two receipts for one bill`),
  ]
  const orders = new Set([...promises.receipts.keys(), ...taken.map(t => attemptOf.get(t.outTradeNo)?.code ?? t.outTradeNo)])
  return { acknowledged: orders.size, lost, doubled: [...new Set(doubled)], unknown }
}
