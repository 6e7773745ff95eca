import { type Db, firstOf, sql } from '#kernel/db/index.ts'
import { sqlOutsideBreaks } from '#modules/payments/index.ts'
import type { Check } from '#modules/trail/index.ts'
import { POSTING } from '../model.ts'
import { sqlOfBill } from './store.ts'

/** I11: what billers booked is what they were told, row by row, or the difference is known. */
export async function checkChecks(db: Db, tenantId: number): Promise<Check[]> {
  const t = tenantId
  const name = 'postings of a day equal the check file of the biller, or the difference is a known break'
  return db.read(t, async tx => {
    const { files } = await tx.one<{ files: number }>(
      sql`select count(*) as files from billing.check_file where tenant_id = ${t} and superseded_at is null`,
    )
    if (files === 0) return [{ id: 'I11', name, ok: 'not applicable', detail: '' }]
    const bad = await tx.rows<Record<string, unknown>>(
      firstOf(
        sql`
        with known as materialized (${sqlOutsideBreaks(t)})
        (select 'totals' as what, f.biller_id as biller, f.day::text as ref from billing.check_file f
          left join (select biller_id, day, count(*) as rows, sum(amount_fen) as fen from billing.check_row where tenant_id = ${t} and is_standing group by 1, 2) r
            on r.biller_id = f.biller_id and r.day = f.day
          where f.tenant_id = ${t} and f.superseded_at is null and (f.rows <> coalesce(r.rows, 0) or f.sum_fen <> coalesce(r.fen, 0)))
        union all
        (select 'stated', r.biller_id, r.posting_no from billing.check_row r
          left join billing.posting p on p.tenant_id = ${t} and p.id::text = r.posting_no and p.biller_id = r.biller_id
          left join known k on k.party = 'biller:' || r.biller_id and k.ref = r.posting_no
          where r.tenant_id = ${t} and r.is_standing and k.ref is null
            and (p.id is null or p.amount_fen <> r.amount_fen or p.state in (${POSTING.held}, ${POSTING.rejected})))
        union all
        (select 'told', p.biller_id, p.id::text from billing.posting p
          join billing.check_file f on f.tenant_id = ${t} and f.biller_id = p.biller_id and f.superseded_at is null
            and f.day = (p.finished_at at time zone 'Asia/Shanghai')::date and f.received_at > p.finished_at
          left join billing.check_row r on r.tenant_id = ${t} and r.biller_id = p.biller_id and r.posting_no = p.id::text and r.is_standing
          left join known k on k.party = 'biller:' || p.biller_id and k.ref = p.id::text
          where p.tenant_id = ${t} and p.state = ${POSTING.posted} and ${sqlOfBill} and r.posting_no is null and k.ref is null)`,
        5,
      ),
    )
    return [{ id: 'I11', name, ok: bad.length === 0, detail: bad.length === 0 ? '' : JSON.stringify(bad) }]
  })
}
