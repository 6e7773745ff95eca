import { type Kernel, systemCtx } from '#kernel/context.ts'
import { addMs } from '#kernel/time.ts'
import type { Timers } from '#kernel/timers.ts'
import { getOrder } from '#modules/payments/index.ts'
import { subscribe } from '#modules/trail/index.ts'
import { postAgainAfterMs, workPosting } from './service/postings.ts'
import { issueReceipts } from './service/receipts.ts'
import { runSettlements } from './service/settlements.ts'
import * as store from './store.ts'

const TAKEN_MAX = 50

/** Receipts and postings of every paid order, whether or not anybody looked at the page. */
export function registerReceipts(): void {
  subscribe({
    name: 'billing.receipts',
    types: ['payments.order_paid'],
    async handle({ tx, ctx, entry }) {
      const order = await getOrder(ctx, entry.subject.id)
      if (order.ok && order.value.lines.some(line => line.subjectKind === 'bill')) await issueReceipts(tx, ctx, order.value)
    },
  })
}

/** Tells billers what is due to be told. True when more may be due at once. */
export async function runPostings(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'billing.postings')
  const now = kernel.clock.now()
  const due = await kernel.db.tx(tenantId, tx => store.takeDuePostings(tx, tenantId, now, addMs(now, postAgainAfterMs(1)), TAKEN_MAX))
  await Promise.all(due.map(row => workPosting(ctx, row.id)))
  return due.length === TAKEN_MAX
}

export function startJobs(kernel: Kernel, timers: Timers, tenantId: number): void {
  timers.every(`billing.postings:${tenantId}`, 1_000, () => runPostings(kernel, tenantId))
  timers.every(`billing.settlements:${tenantId}`, 60_000, () => runSettlements(kernel, tenantId))
}
