import { type Db, firstOf, sql } from '#kernel/db/index.ts'
import { listBalances } from '#modules/ledger/index.ts'
import type { Check } from '#modules/trail/index.ts'

/** B1 and B2: the mirror of the bank account holds the bank's movements, each payout what its days say. */
export async function checkBank(db: Db, tenantId: number): Promise<Check[]> {
  const t = tenantId
  return db.read(t, async tx => {
    const balances = new Map((await listBalances(tx, t)).map(row => [row.code, row.amount]))
    const moved = await tx.rows<{ bank: string; fen: number }>(sql`
      select a.bank, coalesce(sum(m.amount_fen) filter (where m.booked_at is not null), 0)::bigint as fen from payments.bank_account a
      left join payments.bank_move m on m.tenant_id = a.tenant_id and m.bank = a.bank where a.tenant_id = ${t} group by a.bank`)
    const differ = moved.filter(row => (balances.get(`1002:${row.bank}`) ?? 0) !== row.fen)
    const bad = await tx.rows<Record<string, unknown>>(
      firstOf(
        sql`
        select m.bank, m.serial, m.amount_fen, d.net, d.rounding, d.rows from payments.bank_move m
        left join (
          select bank, serial, sum(gross_fen - discount_fen - fee_fen - rounding_fen) as net, sum(rounding_fen) as rounding, sum(rows) as rows
          from payments.settled_day where tenant_id = ${t} group by 1, 2) d on d.bank = m.bank and d.serial = m.serial
        where m.tenant_id = ${t} and m.kind = 'settle' and (m.booked_at is not null) <> (d.net is not null)
          or m.tenant_id = ${t} and d.net is not null and (d.net <> m.amount_fen or (d.rounding <> 0 and abs(d.rounding) >= d.rows))`,
        5,
      ),
    )
    const none = moved.length === 0
    return [
      {
        id: 'B1',
        name: 'the mirror of a bank account holds what the bank moved and we could explain',
        ok: none ? 'not applicable' : differ.length === 0,
        detail: differ.length === 0 ? '' : JSON.stringify(differ),
      },
      {
        id: 'B2',
        name: 'each payout is what its days state less fees, rounded by less than a fen a row',
        ok: none ? 'not applicable' : bad.length === 0,
        detail: bad.length === 0 ? '' : JSON.stringify(bad),
      },
    ]
  })
}
