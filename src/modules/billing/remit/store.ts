import { sql, type Tx } from '#kernel/db/index.ts'

export interface OwedDay {
  readonly day: string
  readonly netFen: number
}

/** Settlements of a biller up to a day whose money did not go to it yet, oldest first. */
export const listOwedDays = (tx: Tx, tenantId: number, billerId: string, upTo: string) =>
  tx.rows<OwedDay>(sql`
    select s.day, s.collected_fen - s.returned_fen as "netFen" from billing.settlement s
    where s.tenant_id = ${tenantId} and s.biller_id = ${billerId} and s.day <= ${upTo}
      and not exists (select from billing.remitted_day r where r.tenant_id = s.tenant_id and r.biller_id = s.biller_id and r.day = s.day)
    order by s.day limit 1000`)

export const isRemitted = async (tx: Tx, tenantId: number, billerId: string, day: string): Promise<boolean> =>
  (await tx.maybe(sql`select 1 from billing.remitted_day where tenant_id = ${tenantId} and biller_id = ${billerId} and day = ${day}`)) !==
  undefined

export const insertRemittedDay = (
  tx: Tx,
  tenantId: number,
  d: OwedDay & { readonly billerId: string; readonly bank: string; readonly serial: string; readonly at: Date },
) =>
  tx.run(sql`
    insert into billing.remitted_day (tenant_id, biller_id, day, net_fen, bank, serial, booked_at)
    values (${tenantId}, ${d.billerId}, ${d.day}, ${d.netFen}, ${d.bank}, ${d.serial}, ${d.at})`)

/** What each biller is owed by settlements not paid to it, and the days they are of. */
export const listOwed = (tx: Tx, tenantId: number) =>
  tx.rows<{ billerId: string; days: number; from: string; to: string; netFen: number }>(sql`
    select s.biller_id as "billerId", count(*) as days, min(s.day) as "from", max(s.day) as "to", sum(s.collected_fen - s.returned_fen)::bigint as "netFen"
    from billing.settlement s
    where s.tenant_id = ${tenantId}
      and not exists (select from billing.remitted_day r where r.tenant_id = s.tenant_id and r.biller_id = s.biller_id and r.day = s.day)
    group by s.biller_id having sum(s.collected_fen - s.returned_fen) <> 0 order by s.biller_id`)

/** Remitted days by movement, to be compared with the bank's. */
export const sumRemitted = (tx: Tx, tenantId: number) =>
  tx.rows<{ bank: string; serial: string; netFen: number }>(sql`
    select bank, serial, sum(net_fen)::bigint as "netFen" from billing.remitted_day where tenant_id = ${tenantId} group by 1, 2`)
