import { sql, type Tx } from '#kernel/db/index.ts'

export interface TaxInvoiceRow {
  readonly id: string
  readonly orderId: string
  readonly billId: string
  readonly billerId: string
  readonly state: 'asked' | 'sent' | 'issued' | 'refused'
  readonly buyerSealed: Buffer
  /** The number the tax office knows it by. */
  readonly number: string | null
  readonly href: string | null
  readonly failure: string | null
  readonly tries: number
  readonly askedAt: Date
}

const COLUMNS = sql`i.id, i.order_id as "orderId", i.bill_id as "billId", i.biller_id as "billerId", i.state, i.buyer_sealed as "buyerSealed", i.number, i.href,
  i.failure, i.tries, i.asked_at as "askedAt"`

/** False when one of the bill is asked for or issued already. */
export const insertTaxInvoice = async (
  tx: Tx,
  tenantId: number,
  r: Pick<TaxInvoiceRow, 'id' | 'orderId' | 'billId' | 'billerId' | 'buyerSealed' | 'askedAt'> & { readonly dueAt: Date },
): Promise<boolean> =>
  (await tx.run(sql`
    insert into billing.tax_invoice (tenant_id, id, order_id, bill_id, biller_id, state, buyer_sealed, tries, due_at, asked_at)
    values (${tenantId}, ${r.id}, ${r.orderId}, ${r.billId}, ${r.billerId}, 'asked', ${r.buyerSealed}, 0, ${r.dueAt}, ${r.askedAt}) on conflict do nothing`)) ===
  1

/** Of an order, the newest of each bill. */
export const listTaxInvoices = (tx: Tx, tenantId: number, orderId: string) =>
  tx.rows<TaxInvoiceRow>(sql`
    select distinct on (i.bill_id) ${COLUMNS} from billing.tax_invoice i
    where i.tenant_id = ${tenantId} and i.order_id = ${orderId} order by i.bill_id, i.asked_at desc, i.id desc`)

/** Those whose turn it is; put off, so that two workers never take the same. */
export const takeDueTaxInvoices = (tx: Tx, tenantId: number, now: Date, until: Date, limit: number) =>
  tx.rows<TaxInvoiceRow>(sql`
    update billing.tax_invoice i set tries = i.tries + 1, due_at = ${until}
    from (
      select id from billing.tax_invoice where tenant_id = ${tenantId} and state in ('asked', 'sent') and due_at <= ${now}
      order by due_at limit ${limit} for update skip locked) d
    where i.tenant_id = ${tenantId} and i.id = d.id returning ${COLUMNS}`)

export const putOffTaxInvoice = (tx: Tx, tenantId: number, id: string, dueAt: Date) =>
  tx.run(sql`update billing.tax_invoice set due_at = ${dueAt} where tenant_id = ${tenantId} and id = ${id} and state in ('asked', 'sent')`)

export const markSent = (tx: Tx, tenantId: number, id: string) =>
  tx.run(sql`update billing.tax_invoice set state = 'sent' where tenant_id = ${tenantId} and id = ${id} and state = 'asked'`)

export const finishTaxInvoice = async (
  tx: Tx,
  tenantId: number,
  id: string,
  how: {
    readonly state: 'issued' | 'refused'
    readonly number?: string | undefined
    readonly href?: string | undefined
    readonly failure?: string | undefined
    readonly at: Date
  },
): Promise<boolean> =>
  (await tx.run(sql`
    update billing.tax_invoice set state = ${how.state}, number = ${how.number ?? null}, href = ${how.href ?? null}, failure = ${how.failure ?? null},
      finished_at = ${how.at}
    where tenant_id = ${tenantId} and id = ${id} and state in ('asked', 'sent')`)) === 1
