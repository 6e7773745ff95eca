import { sql, type Tx } from '#kernel/db/index.ts'
import { REFUND } from '../model.ts'
import { CARD, type CardKey } from './model.ts'

export interface CardMove extends CardKey {
  readonly orderId: string
  readonly refundId: string | null
  readonly amountFen: number
  readonly last4: string
  readonly clerkId: string
  readonly at: Date
}

/** False when this terminal had this reference today already. */
export const insertCardMove = async (tx: Tx, tenantId: number, m: CardMove): Promise<boolean> =>
  (await tx.run(sql`
    insert into payments.card_move (tenant_id, terminal, day, reference, order_id, refund_id, amount_fen, last4, clerk_id, at)
    values (${tenantId}, ${m.terminal}, ${m.day}, ${m.reference}, ${m.orderId}, ${m.refundId}, ${m.amountFen}, ${m.last4}, ${m.clerkId}, ${m.at})
    on conflict do nothing`)) === 1

/** The terminal a clerk used last: the likeliest one now. */
export const findLastTerminal = (tx: Tx, tenantId: number, clerkId: string) =>
  tx.maybe<{ terminal: string }>(
    sql`select terminal from payments.card_move where tenant_id = ${tenantId} and clerk_id = ${clerkId} order by at desc limit 1`,
  )

export interface CardPayoutRow {
  readonly refundId: string
  readonly orderId: string
  readonly amountFen: number
  readonly cause: string
  readonly terminal: string
  /** Of the payment: the terminal asks for it. */
  readonly reference: string
  readonly last4: string
  readonly paidOn: string
}

/** Agreed refunds that wait to be made on their terminal. */
export const listCardPayouts = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<CardPayoutRow>(sql`
    select r.id as "refundId", r.order_id as "orderId", r.amount_fen as "amountFen", r.cause, m.terminal, m.reference, m.last4, m.day as "paidOn"
    from payments.refund r
    join payments.attempt a on a.tenant_id = r.tenant_id and a.id = r.attempt_id
    join payments.card_move m on m.tenant_id = r.tenant_id and m.order_id = r.order_id and m.refund_id is null
    where r.tenant_id = ${tenantId} and r.finished_at is null and r.state = ${REFUND.approved} and a.channel = ${CARD}
    order by r.created_at limit ${limit}`)

export const listTerminals = (tx: Tx, tenantId: number) =>
  tx.rows<{ mchid: string }>(
    sql`select mchid from payments.merchant where tenant_id = ${tenantId} and channel = ${CARD} order by mchid limit 200`,
  )
