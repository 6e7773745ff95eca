import { sql, type Tx } from '#kernel/db/index.ts'
import { firstIdAt } from '#kernel/id.ts'
import { POSTING } from '../model.ts'

export interface BillerHealth {
  readonly id: string
  readonly nameZh: string
  readonly nameEn: string
  readonly payableAccountId: number
  /** Payments it has not confirmed though it was told, and since when the longest waits. */
  readonly unanswered: number
  readonly unansweredSince: Date | null
  /** Confirmed and refused on the day asked about. */
  readonly posted: number
  readonly rejected: number
  readonly billsAt: Date | null
  readonly settledOn: string | null
}

/** How each biller's system does; a posting still within the time for undo is not waited for. */
export const listBillerHealth = (tx: Tx, tenantId: number, span: { readonly from: Date; readonly to: Date }) =>
  tx.rows<BillerHealth>(sql`
    select b.id, b.name_zh as "nameZh", b.name_en as "nameEn", b.payable_account_id as "payableAccountId",
      coalesce(w.unanswered, 0) as unanswered, w.since as "unansweredSince", coalesce(d.posted, 0) as posted, coalesce(d.rejected, 0) as rejected,
      (select max(imported_at) from billing.batch t where t.tenant_id = b.tenant_id and t.biller_id = b.id) as "billsAt",
      (select max(day) from billing.settlement s where s.tenant_id = b.tenant_id and s.biller_id = b.id) as "settledOn"
    from billing.biller b
    left join (
      select biller_id, count(*) as unanswered, min(paid_at) as since from billing.posting
      where tenant_id = ${tenantId} and finished_at is null and state in (${POSTING.sent}, ${POSTING.unknown}) group by biller_id) w on w.biller_id = b.id
    left join (
      select biller_id, count(*) filter (where state = ${POSTING.posted}) as posted, count(*) filter (where state = ${POSTING.rejected}) as rejected
      from billing.posting where tenant_id = ${tenantId} and id >= ${firstIdAt(span.from)}::uuid and id < ${firstIdAt(span.to)}::uuid group by biller_id) d on d.biller_id = b.id
    where b.tenant_id = ${tenantId} order by b.id`)
