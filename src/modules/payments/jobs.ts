import { type Kernel, systemCtx } from '#kernel/context.ts'
import { addMs } from '#kernel/time.ts'
import type { Timers } from '#kernel/timers.ts'
import { runDebitExchange } from './debit/exchange.ts'
import { askAgainAfterMs } from './model.ts'
import { runClose } from './reconcile/close.ts'
import { lookAfter } from './service/attempts.ts'
import { workRefund } from './service/refunds.ts'
import { runPayouts } from './settle/service.ts'
import * as store from './store.ts'

const TAKEN_MAX = 50

/** Asks the channels about every attempt that is due. True when more may be due at once. */
export async function runJanitor(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'payments.janitor')
  const now = kernel.clock.now()
  // While an answer is awaited, nobody else asks; a crash here only means that it is asked again a minute later.
  const due = await kernel.db.tx(tenantId, tx => store.takeDueAttempts(tx, tenantId, now, addMs(now, 60_000), TAKEN_MAX))
  await Promise.all(
    due.map(async row => {
      await lookAfter(ctx, row)
      await kernel.db.tx(tenantId, tx =>
        store.putOffAttempt(tx, tenantId, row.orderId, addMs(kernel.clock.now(), askAgainAfterMs(row.tries))),
      )
    }),
  )
  return due.length === TAKEN_MAX
}

/** Sends and asks about every refund that is due. */
export async function runRefunds(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'payments.refunds')
  const now = kernel.clock.now()
  const due = await kernel.db.tx(tenantId, tx => store.takeDueRefunds(tx, tenantId, now, addMs(now, askAgainAfterMs(0)), TAKEN_MAX))
  await Promise.all(due.map(row => workRefund(ctx, row.id)))
  return due.length === TAKEN_MAX
}

export function startJobs(kernel: Kernel, timers: Timers, tenantId: number): void {
  timers.every(`payments.janitor:${tenantId}`, 1_000, () => runJanitor(kernel, tenantId))
  timers.every(`payments.refunds:${tenantId}`, 1_000, () => runRefunds(kernel, tenantId))
  timers.every(`payments.close:${tenantId}`, 60_000, () => runClose(kernel, tenantId))
  timers.every(`payments.payouts:${tenantId}`, 60_000, () => runPayouts(kernel, tenantId))
  timers.every(`payments.debit_exchange:${tenantId}`, 60_000, () => runDebitExchange(kernel, tenantId))
}
