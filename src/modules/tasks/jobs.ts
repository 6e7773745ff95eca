import type { Kernel } from '#kernel/context.ts'
import type { Timers } from '#kernel/timers.ts'
import { runLadder } from './service.ts'

export function startJobs(kernel: Kernel, timers: Timers, tenantId: number): void {
  timers.every(`tasks.ladder:${tenantId}`, 10_000, () => runLadder(kernel, tenantId))
}
