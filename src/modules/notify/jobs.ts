import type { Kernel } from '#kernel/context.ts'
import type { Timers } from '#kernel/timers.ts'
import { purgeBudgets, runOutbox } from './service.ts'

const HOUR_MS = 3_600_000

export function startJobs(kernel: Kernel, timers: Timers, tenantId: number): void {
  timers.every(`notify.outbox:${tenantId}`, 1_000, () => runOutbox(kernel, tenantId))
  timers.every(`notify.purge:${tenantId}`, HOUR_MS, async () => {
    await purgeBudgets(kernel, tenantId)
    return false
  })
}
