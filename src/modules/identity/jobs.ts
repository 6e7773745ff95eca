import type { Kernel } from '#kernel/context.ts'
import type { Timers } from '#kernel/timers.ts'
import { watchDevices } from './service/devices.ts'

export function startJobs(kernel: Kernel, timers: Timers, tenantId: number): void {
  timers.every(`identity.devices:${tenantId}`, 15_000, () => watchDevices(kernel, tenantId))
}
