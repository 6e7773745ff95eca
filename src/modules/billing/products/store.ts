import { sql, type Tx } from '#kernel/db/index.ts'
import type { ProductBody } from './model.ts'

/** Those of the given products that stand here word for word under their version. */
export const listKnown = (tx: Tx, tenantId: number, billerId: string, products: readonly ProductBody[]) =>
  tx.rows<{ code: string }>(sql`
    select p.code from jsonb_array_elements(${JSON.stringify(products)}::jsonb) as g(body)
    join billing.product p on p.tenant_id = ${tenantId} and p.biller_id = ${billerId} and p.code = g.body ->> 'code' and p.version = g.body ->> 'version'
    where p.body = g.body`)

export const insertProducts = (tx: Tx, tenantId: number, billerId: string, products: readonly ProductBody[], at: Date) =>
  tx.run(sql`
    insert into billing.product (tenant_id, biller_id, code, version, body, first_seen_at)
    select ${tenantId}, ${billerId}, g.body ->> 'code', g.body ->> 'version', g.body, ${at} from jsonb_array_elements(${JSON.stringify(products)}::jsonb) as g(body)
    on conflict do nothing`)

export const findProduct = (tx: Tx, tenantId: number, billerId: string, code: string, version: string) =>
  tx.maybe<{ body: ProductBody }>(sql`
    select body from billing.product where tenant_id = ${tenantId} and biller_id = ${billerId} and code = ${code} and version = ${version}`)

export interface ProductOrderRow {
  readonly id: string
  readonly code: string
  readonly billerId: string
  readonly accountId: string
  /** Of its payment; its own where nothing is paid. */
  readonly orderId: string
  readonly payer: string
  readonly productCode: string
  readonly version: string
  readonly slot: string
  readonly amountFen: number
  readonly lang: string
  readonly wording: string
  readonly placedAt: Date
  readonly acceptedAt: Date | null
  readonly endedAt: Date | null
}

const ORDER_COLUMNS = sql`o.id, o.code, o.biller_id as "billerId", o.account_id as "accountId", o.order_id as "orderId", o.payer, o.product_code as "productCode", o.version, o.slot,
  o.amount_fen as "amountFen", o.lang, o.wording, o.placed_at as "placedAt", o.accepted_at as "acceptedAt", o.ended_at as "endedAt"`

/** False when another ordering of its slot is under way. */
export const insertOrder = async (
  tx: Tx,
  tenantId: number,
  o: Omit<ProductOrderRow, 'acceptedAt' | 'endedAt'> & { readonly sha256: Buffer },
): Promise<boolean> =>
  (await tx.run(sql`
    insert into billing.product_order (tenant_id, id, code, biller_id, account_id, order_id, payer, product_code, version, slot, amount_fen, lang, wording, wording_sha256, placed_at)
    values (${tenantId}, ${o.id}, ${o.code}, ${o.billerId}, ${o.accountId}, ${o.orderId}, ${o.payer}, ${o.productCode}, ${o.version}, ${o.slot}, ${o.amountFen}, ${o.lang},
      ${o.wording}, ${o.sha256}, ${o.placedAt})
    on conflict (tenant_id, account_id, slot) where ended_at is null do nothing`)) === 1

export const lockLive = (tx: Tx, tenantId: number, accountId: string, slot: string) =>
  tx.maybe<ProductOrderRow>(sql`
    select ${ORDER_COLUMNS} from billing.product_order o
    where o.tenant_id = ${tenantId} and o.account_id = ${accountId} and o.slot = ${slot} and o.ended_at is null for update`)

export const findOrderByCode = (tx: Tx, tenantId: number, code: string) =>
  tx.maybe<ProductOrderRow>(sql`select ${ORDER_COLUMNS} from billing.product_order o where o.tenant_id = ${tenantId} and o.code = ${code}`)

export const listOrdersOf = (tx: Tx, tenantId: number, payer: string, limit: number) =>
  tx.rows<ProductOrderRow>(sql`
    select ${ORDER_COLUMNS} from billing.product_order o
    where o.tenant_id = ${tenantId} and o.payer = ${payer} order by o.placed_at desc, o.id limit ${limit}`)

/** The ordering is over; its slot is free. Nothing happens to a bill, or when it was over before. */
export const endOrder = (tx: Tx, tenantId: number, id: string, at: Date) =>
  tx.run(sql`update billing.product_order set ended_at = ${at} where tenant_id = ${tenantId} and id = ${id} and ended_at is null`)

export const acceptOrder = (tx: Tx, tenantId: number, id: string, at: Date) =>
  tx.run(sql`update billing.product_order set accepted_at = ${at} where tenant_id = ${tenantId} and id = ${id} and accepted_at is null`)
