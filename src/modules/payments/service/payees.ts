import type { Ctx } from '#kernel/context.ts'
import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { addDays, dayOf, startOfDay } from '#kernel/time.ts'
import { sqlMovedBy, sqlMovedOn } from '#modules/ledger/index.ts'
import { CASH, DEBIT, PREPAID } from '../model.ts'
import { OUTSIDE } from '../reconcile/outside.ts'
import { hasMovements } from '../reconcile/store.ts'

/** One line of an order that brought a payee money, or of which some went back. */
export interface PayeeMovement {
  /** The document as the books know it; with the template it is the booking. */
  readonly ref: string
  readonly code: string
  readonly orderId: string
  readonly subjectKind: string
  readonly subjectId: string
  /** Positive collected, negative given back. */
  readonly amountFen: number
  readonly at: Date
  readonly channel: string
  /** Of a return: the document of the payment it gives back. */
  readonly paidRef: string | null
}

export interface PayeeSpan {
  readonly payeeAccountId: number
  readonly from: Date
  readonly to: Date
}

/** What a span brought a payee, line by line, in the order of its instants. */
export const listPayeeMovements = (tx: Tx, tenantId: number, { payeeAccountId, from, to }: PayeeSpan): Promise<PayeeMovement[]> =>
  listMoved(tx, tenantId, payeeAccountId, sqlMovedOn(tenantId, payeeAccountId, from, to))

/** What these documents brought a payee, likewise. */
export const listPayeeMovementsOf = (tx: Tx, tenantId: number, payeeAccountId: number, refs: readonly string[]): Promise<PayeeMovement[]> =>
  listMoved(tx, tenantId, payeeAccountId, sqlMovedBy(tenantId, payeeAccountId, refs))

const listMoved = (tx: Tx, tenantId: number, payeeAccountId: number, moved: Sql): Promise<PayeeMovement[]> =>
  tx.rows<PayeeMovement>(sql`
    with moved as materialized (${moved})
    select m.ref, m.code, l.order_id as "orderId", l.subject_kind as "subjectKind", l.subject_id as "subjectId", l.amount_fen as "amountFen", m.at, a.channel,
      null::text as "paidRef"
    from moved m
    join payments.attempt a on a.tenant_id = ${tenantId} and a.id = m.about
    join payments.order_line l on l.tenant_id = ${tenantId} and l.order_id = a.order_id and l.payee_account_id = ${payeeAccountId}
    union all
    select m.ref, m.code, r.order_id, l.subject_kind, l.subject_id, -m.fen, m.at, a.channel, a.channel || ':' || r.txn_no
    from moved m
    join payments.refund r on r.tenant_id = ${tenantId} and r.id = m.about
    join payments.order_line l on l.tenant_id = ${tenantId} and l.order_id = r.order_id and l.line = r.line
    join payments.attempt a on a.tenant_id = ${tenantId} and a.id = r.attempt_id
    order by 7, 1, 5`)

/** Net of a span on the payee's account: what was collected less what was given back. */
export const sqlPayeeNet = (tenantId: number, span: PayeeSpan): Sql =>
  sql`select m.ref, m.code, -m.fen as "netFen" from (${sqlMovedOn(tenantId, span.payeeAccountId, span.from, span.to)}) m`

export type OpenDay = { readonly why: 'statement' | 'grave_break' | 'drawer'; readonly what: string }

/**
 * Why a day cannot be settled yet: a channel with money of the day has no statement that agrees, a grave difference is open, or a
 * drawer of the day is not counted. Undefined when nothing is in the way. For one payee (`party`), what another payee's own file
 * differs in is not.
 */
export async function findOpenDay(tx: Tx, ctx: Ctx, day: string, party?: string): Promise<OpenDay | undefined> {
  const { tenantId } = ctx
  const [from, to] = [startOfDay(day), startOfDay(addDays(day, 1))]
  const merchants = await tx.rows<{ channel: string; mchid: string; clearing: number }>(sql`
    select channel, mchid, clearing_account_id as clearing from payments.merchant where tenant_id = ${tenantId} order by channel, mchid`)
  for (const { channel, mchid, clearing } of merchants) {
    // Cash is counted, and what a bank debits is booked from its own return: neither has a statement of a day.
    if (channel === CASH || channel === DEBIT || channel === PREPAID || !(await hasMovements(tx, tenantId, { clearing, from, to })))
      continue
    const stated = await tx.maybe(sql`
      select from payments.statement
      where tenant_id = ${tenantId} and channel = ${channel} and mchid = ${mchid} and day = ${day} and superseded_at is null`)
    if (!stated) return { why: 'statement', what: channel }
  }
  const grave = await tx.maybe<{ channel: string }>(sql`
    select channel from payments.break where tenant_id = ${tenantId} and day = ${day} and severity = 1 and resolved_at is null
      and (${party ?? null}::text is null or channel not like ${`${OUTSIDE}%`} or channel = ${party ?? null}) limit 1`)
  if (grave) return { why: 'grave_break', what: grave.channel }
  const drawer = await tx.maybe<{ drawer: string }>(sql`
    select drawer from payments.drawer_session where tenant_id = ${tenantId} and closed_at is null and opened_at < ${to} order by drawer limit 1`)
  return drawer && { why: 'drawer', what: drawer.drawer }
}

/** The day this installation began to take money; undefined before. */
export async function findFirstDay(tx: Tx, tenantId: number): Promise<string | undefined> {
  const row = await tx.one<{ at: Date | null }>(sql`select min(opened_at) as at from payments.merchant where tenant_id = ${tenantId}`)
  return row.at ? dayOf(row.at) : undefined
}
