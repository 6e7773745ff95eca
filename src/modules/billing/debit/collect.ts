import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { dayLabel } from '#kernel/labels.ts'
import { catching, unwrap } from '#kernel/result.ts'
import { addMs, dayOf, timeOfDay } from '#kernel/time.ts'
import { addToBatch, DEBIT, findDebitBank } from '#modules/payments/index.ts'
import { dueFen } from '../dues.ts'
import { examine, isHeldBack, listOpenBills } from '../service/bills.ts'
import { openOrder } from '../service/pay.ts'
import { quoteItem } from '../service/quotes.ts'
import { endOverdue } from './endings.ts'
import { COLLECT_AT, debitDay, nextTry } from './model.ts'
import { tell } from './notices.ts'
import * as store from './store.ts'

const PAGE = 100
/** A bank that has said nothing about a debit by then is asked by people. The order stays locked all the same. */
const EXPIRES_MS = 10 * 86_400_000
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

type Collected = 'asked' | 'over_ceiling' | 'nothing'

/**
 * Asks for one bill to be debited, in one step: the try, the order with its claim on the bill, and its place in today's batch.
 * What is known before money moves is looked at again here, as for somebody who pays by hand.
 */
async function collectBill(tx: Tx, ctx: Ctx, mandateId: string, billId: string): Promise<Collected> {
  const { tenantId } = ctx
  const now = ctx.kernel.clock.now()
  const today = dayOf(now)
  const mandate = await store.lockMandate(tx, tenantId, mandateId)
  if (mandate?.state !== 'active' || (mandate.untilOn !== null && mandate.untilOn < today)) return 'nothing'
  const [state] = await examine(tx, ctx, [billId], [mandate.payer])
  if (!state || state.checks.some(check => check.level === 'stop') || state.claim || isHeldBack(state)) return 'nothing'
  const { bill } = state
  const amountFen = dueFen(state)
  const made = await store.listItemsOfBills(tx, tenantId, mandate.id, [billId])
  const number = debitDay(bill.dueOn, mandate) > today ? undefined : nextTry(made, today)
  if (number === undefined) return 'nothing'
  const item = { mandateId: mandate.id, billId, version: mandate.version, day: today, amountFen }
  if (amountFen > mandate.ceilingFen) {
    const isNew = await store.insertItem(tx, tenantId, { ...item, try: 0, orderId: null, outcome: 'over_ceiling' })
    if (isNew)
      await tell(tx, ctx, mandate, {
        template: 'debit_over',
        dedupeKey: `debit_over:${mandate.id}:${billId}`,
        amountFen,
        params: { due_on: dayLabel(mandate.lang, bill.dueOn) },
      })
    return 'over_ceiling'
  }
  const given = { payer: mandate.payer, place: DEBIT, expiresAt: addMs(now, EXPIRES_MS) } as const
  const { orderId } = unwrap(await openOrder(tx, ctx, [quoteItem(state)], given))
  unwrap(await addToBatch(tx, ctx, { orderId, mandateId: mandate.bankMandateId }))
  await store.insertItem(tx, tenantId, { ...item, try: number, orderId, outcome: 'waiting' })
  return 'asked'
}

/** Whether this is an hour at which bills are collected: once it has come, the whole day. */
export const isCollectDue = (now: Date): boolean => timeOfDay(now) >= COLLECT_AT

/** Asks for every bill due to be debited today. Running it again asks for nothing twice. Answers how many debits it asked for. */
export async function runDebitCollect(kernel: Kernel, tenantId: number): Promise<number> {
  const ctx = systemCtx(kernel, tenantId, 'billing.debit_collect')
  if (!findDebitBank(tenantId)) return 0
  let asked = 0
  for (let after = FIRST_ID; ; ) {
    const page = await kernel.db.read(tenantId, tx => store.listActive(tx, tenantId, after, PAGE))
    await endOverdue(ctx, page)
    for (const mandate of page) {
      for (const { bill } of await listOpenBills(ctx, [mandate.accountId])) {
        const collected = await catching(() => kernel.db.tx(tenantId, tx => collectBill(tx, ctx, mandate.id, bill.id)))
        if (collected.ok && collected.value === 'asked') asked++
        else if (!collected.ok) kernel.log.info({ code: collected.error.code }, 'a bill was not asked to be debited')
      }
    }
    if (page.length < PAGE) return asked
    after = page.at(-1)!.id
  }
}
