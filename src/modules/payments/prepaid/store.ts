import { sql, type Tx } from '#kernel/db/index.ts'
import { PREPAID, PREPAY_SUBJECT } from '../model.ts'

export interface PrepaidRow {
  readonly id: string
  readonly ledgerAccountId: number
  /** Who topped it up last. */
  readonly payer: string
}

const COLUMNS = sql`id, ledger_account_id as "ledgerAccountId", payer`

export const upsertPrepaid = (tx: Tx, tenantId: number, row: PrepaidRow, at: Date) =>
  tx.run(sql`
    insert into payments.prepaid (tenant_id, id, ledger_account_id, payer, opened_at)
    values (${tenantId}, ${row.id}, ${row.ledgerAccountId}, ${row.payer}, ${at})
    on conflict (tenant_id, id) do update set payer = excluded.payer`)

export const findPrepaid = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<PrepaidRow>(sql`select ${COLUMNS} from payments.prepaid where tenant_id = ${tenantId} and id = ${id}`)

export const lockPrepaid = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<PrepaidRow>(sql`select ${COLUMNS} from payments.prepaid where tenant_id = ${tenantId} and id = ${id} for update`)

/** By the account it is booked on: undefined for every other account. */
export const lockPrepaidOf = (tx: Tx, tenantId: number, ledgerAccountId: number) =>
  tx.maybe<PrepaidRow>(
    sql`select ${COLUMNS} from payments.prepaid where tenant_id = ${tenantId} and ledger_account_id = ${ledgerAccountId} for update`,
  )

/** After an id, in its order. */
export const listPrepaid = (tx: Tx, tenantId: number, after: string, limit: number) =>
  tx.rows<PrepaidRow>(
    sql`select ${COLUMNS} from payments.prepaid where tenant_id = ${tenantId} and id > ${after} order by id limit ${limit}`,
  )

/** What the top-ups of a balance brought and orders took from it, the newest first. */
export const listPrepaidMoves = (tx: Tx, tenantId: number, row: PrepaidRow, limit: number) =>
  tx.rows<{ orderId: string; code: string; title: string; at: Date; amountFen: number; backFen: number }>(sql`
    select o.id as "orderId", o.code, o.title, o.paid_at as at, m.fen as "amountFen", (o.refunded_fen + o.reserved_fen) as "backFen"
    from (
      select l.order_id, l.amount_fen as fen from payments.order_line l
      where l.tenant_id = ${tenantId} and l.subject_kind = ${PREPAY_SUBJECT} and l.payee_account_id = ${row.ledgerAccountId}
      union all
      select a.order_id, -a.amount_fen from payments.attempt a where a.tenant_id = ${tenantId} and a.channel = ${PREPAID} and a.mchid = ${row.id}) m
    join payments."order" o on o.tenant_id = ${tenantId} and o.id = m.order_id
    where o.paid_at is not null order by o.paid_at desc, o.id limit ${limit}`)
