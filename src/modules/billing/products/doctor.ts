import { createHash } from 'node:crypto'
import { type Db, sql } from '#kernel/db/index.ts'
import { sqlSubjectMoney } from '#modules/payments/index.ts'
import type { Check } from '#modules/trail/index.ts'
import { POSTING } from '../model.ts'

const ORDERINGS_MAX = 100_000

const checkOf = (id: string, name: string, bad: readonly unknown[]): Check => ({
  ...{ id, name, ok: bad.length === 0 },
  detail: bad.length === 0 ? '' : JSON.stringify(bad.slice(0, 5)),
})

/**
 * O1: what was ordered and paid is told, given back or held. O2: nothing is both delivered and given back, and what was refused or
 * taken back is not kept. O3: orderings are as they were agreed to, at the price of the version agreed to.
 */
export async function checkProducts(db: Db, tenantId: number): Promise<Check[]> {
  const t = tenantId
  return db.read(t, async tx => {
    // The subscriber gives a payment its posting within a moment; a minute is a broken one.
    const untold = await tx.rows(sql`
      select o.id, o.amount_fen from billing.product_order o
      left join (${sqlSubjectMoney(t, 'product')}) m on m.subject_id = o.id and m.order_id = o.order_id
      where o.tenant_id = ${t} and (o.amount_fen = 0 or (m.paid_at < now() - interval '1 minute' and m.back_fen < m.paid_fen))
        and not exists (select from billing.posting p where p.tenant_id = ${t} and p.order_id = o.order_id and p.bill_id = o.id and p.amount_fen = o.amount_fen) limit 5`)
    const both = await tx.rows(sql`
      select o.id, p.state, m.back_fen from billing.product_order o
      join billing.posting p on p.tenant_id = o.tenant_id and p.order_id = o.order_id and p.bill_id = o.id
      join (${sqlSubjectMoney(t, 'product')}) m on m.subject_id = o.id and m.order_id = p.order_id
      where o.tenant_id = ${t} and (
        (p.state in (${POSTING.posted}, ${POSTING.held}, ${POSTING.sent}, ${POSTING.unknown}) and m.self_back_fen > 0)
        or (p.state in (${POSTING.rejected}, ${POSTING.reversed}) and m.back_fen < m.paid_fen)) limit 5`)
    const orderings = await tx.rows<{ id: string; wording: string; sha256: Buffer; amountFen: number; priceFen: number | null }>(sql`
      select o.id, o.wording, o.wording_sha256 as sha256, o.amount_fen as "amountFen", (p.body ->> 'price_fen')::bigint as "priceFen"
      from billing.product_order o
      left join billing.product p on p.tenant_id = o.tenant_id and p.biller_id = o.biller_id and p.code = o.product_code and p.version = o.version
      where o.tenant_id = ${t} order by o.id limit ${ORDERINGS_MAX}`)
    const changed = orderings.filter(o => o.priceFen !== o.amountFen || !createHash('sha256').update(o.wording).digest().equals(o.sha256))
    return [
      checkOf('O1', 'what was ordered and paid is told, given back or held', untold),
      checkOf('O2', 'nothing ordered is both delivered and given back, or neither', both),
      checkOf(
        'O3',
        'each ordering is word for word as agreed, at the price of its version',
        changed.map(o => o.id),
      ),
    ]
  })
}
