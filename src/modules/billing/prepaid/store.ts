import { sql, type Tx } from '#kernel/db/index.ts'

export const insertTopUp = (
  tx: Tx,
  tenantId: number,
  row: { readonly id: string; readonly orderId: string; readonly accountId: string; readonly amountFen: number },
  at: Date,
) =>
  tx.run(sql`
    insert into billing.top_up (tenant_id, id, order_id, account_id, amount_fen, placed_at)
    values (${tenantId}, ${row.id}, ${row.orderId}, ${row.accountId}, ${row.amountFen}, ${at}) on conflict do nothing`)

/** Top-ups of an account placed since an instant. */
export const listTopUps = (tx: Tx, tenantId: number, accountId: string, since: Date) =>
  tx.rows<{ id: string; amountFen: number }>(sql`
    select id, amount_fen as "amountFen" from billing.top_up
    where tenant_id = ${tenantId} and account_id = ${accountId} and placed_at >= ${since} limit 1000`)

export const insertUse = (tx: Tx, tenantId: number, row: { readonly billId: string; readonly orderId: string }) =>
  tx.run(sql`insert into billing.prepaid_use (tenant_id, bill_id, order_id) values (${tenantId}, ${row.billId}, ${row.orderId})`)

export const listUses = (tx: Tx, tenantId: number, billId: string) =>
  tx.rows<{ orderId: string }>(
    sql`select order_id as "orderId" from billing.prepaid_use where tenant_id = ${tenantId} and bill_id = ${billId} limit 50`,
  )
