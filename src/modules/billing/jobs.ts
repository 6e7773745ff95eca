import { type Kernel, systemCtx } from '#kernel/context.ts'
import { addMs, dayOf } from '#kernel/time.ts'
import type { Timers } from '#kernel/timers.ts'
import { getOrder } from '#modules/payments/index.ts'
import { subscribe } from '#modules/trail/index.ts'
import { runChecks } from './checks/run.ts'
import { isCollectDue, runDebitCollect } from './debit/collect.ts'
import { isTold } from './model.ts'
import { runPrepaid } from './prepaid/service.ts'
import { runRemits } from './remit/service.ts'
import { runOffline } from './service/offline.ts'
import { postAgainAfterMs, workPosting } from './service/postings.ts'
import { issueReceipts } from './service/receipts.ts'
import { runSettlements } from './service/settlements.ts'
import * as store from './store.ts'
import { runSwitchover } from './switchover/service.ts'
import { runTaxInvoices } from './tax-invoice/service.ts'

const TAKEN_MAX = 50
/** A new bill is paid from what is held within a minute. */
const PREPAID_EVERY_MS = 60_000

/** Receipts and postings of every paid order, whether or not anybody looked at the page. */
export function registerReceipts(): void {
  subscribe({
    name: 'billing.receipts',
    types: ['payments.order_paid'],
    async handle({ tx, ctx, entry }) {
      const order = await getOrder(ctx, entry.subject.id)
      if (order.ok && order.value.lines.some(isTold)) await issueReceipts(tx, ctx, order.value)
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

/** Collects once a day, in the morning; a process that starts later in the day catches up, and finds what is asked for already. */
function everyMorning(kernel: Kernel, timers: Timers, tenantId: number): void {
  let done = ''
  timers.every(`billing.debit_collect:${tenantId}`, 60_000, async () => {
    const now = kernel.clock.now()
    if (!isCollectDue(now) || done === dayOf(now)) return false
    await runDebitCollect(kernel, tenantId)
    done = dayOf(now)
    return false
  })
}

export function startJobs(kernel: Kernel, timers: Timers, tenantId: number): void {
  everyMorning(kernel, timers, tenantId)
  timers.every(`billing.postings:${tenantId}`, 1_000, () => runPostings(kernel, tenantId))
  timers.every(`billing.tax_invoices:${tenantId}`, 5_000, () => runTaxInvoices(kernel, tenantId))
  timers.every(`billing.prepaid:${tenantId}`, PREPAID_EVERY_MS, async () => {
    await runPrepaid(kernel, tenantId)
    return false
  })
  timers.every(`billing.switchover:${tenantId}`, 15_000, async () => {
    await runSwitchover(kernel, tenantId)
    return false
  })
  timers.every(`billing.offline:${tenantId}`, 5_000, () => runOffline(kernel, tenantId))
  timers.every(`billing.checks:${tenantId}`, 60_000, () => runChecks(kernel, tenantId))
  timers.every(`billing.remits:${tenantId}`, 60_000, () => runRemits(kernel, tenantId))
  timers.every(`billing.settlements:${tenantId}`, 60_000, () => runSettlements(kernel, tenantId))
}
