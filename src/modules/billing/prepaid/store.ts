import { sql, type Tx } from '#kernel/db/index.ts'

export const insertTopUp = (tx: Tx, tenantId: number, row: { readonly orderId: string; readonly accountId: string }) =>
  tx.run(
    sql`insert into billing.top_up (tenant_id, order_id, account_id) values (${tenantId}, ${row.orderId}, ${row.accountId}) on conflict do nothing`,
  )

export const findTopUp = (tx: Tx, tenantId: number, orderId: string) =>
  tx.maybe<{ accountId: string }>(
    sql`select account_id as "accountId" from billing.top_up where tenant_id = ${tenantId} and order_id = ${orderId}`,
  )

export const insertUse = (tx: Tx, tenantId: number, row: { readonly billId: string; readonly orderId: string }) =>
  tx.run(sql`insert into billing.prepaid_use (tenant_id, bill_id, order_id) values (${tenantId}, ${row.billId}, ${row.orderId})`)

export const listUses = (tx: Tx, tenantId: number, billId: string) =>
  tx.rows<{ orderId: string }>(
    sql`select order_id as "orderId" from billing.prepaid_use where tenant_id = ${tenantId} and bill_id = ${billId} limit 50`,
  )
