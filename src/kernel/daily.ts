import type { Kernel } from './context.ts'
import { type Db, sql } from './db/index.ts'
import { addMs } from './time.ts'
import type { Timers } from './timers.ts'

const DAY_MS = 86_400_000
const LOOK_MS = 10 * 60_000

/**
 * Runs `work` once a day, and soon after a start that comes later. How it went stands in kernel.job, so that a restart does
 * not repeat it and the doctor sees a failure from outside. `work` answers how many rows it dealt with.
 */
export function everyDay(kernel: Kernel, timers: Timers, tenantId: number, name: string, work: () => Promise<number>): void {
  timers.every(`${name}:${tenantId}`, LOOK_MS, async () => {
    const { db, clock, log } = kernel
    const now = clock.now()
    const last = await db.read(tenantId, tx =>
      tx.maybe<{ ok_at: Date | null }>(sql`select ok_at from kernel.job where tenant_id = ${tenantId} and name = ${name}`),
    )
    if (last?.ok_at && addMs(last.ok_at, DAY_MS) > now) return false
    try {
      const rows = await work()
      await note(db, tenantId, name, now, { rows })
    } catch (error) {
      const why = error instanceof Error ? error.message.slice(0, 200) : 'failed'
      await note(db, tenantId, name, now, { why }).catch(failure => log.warn({ err: failure }, 'failure of a daily job not recorded'))
      throw error
    }
    return false
  })
}

const note = (db: Db, tenantId: number, name: string, at: Date, outcome: { rows?: number; why?: string }) =>
  db.tx(tenantId, tx =>
    tx.run(sql`
      insert into kernel.job as j (tenant_id, name, ok_at, rows, failed_at, failures, failure)
      values (${tenantId}, ${name}, ${outcome.why ? null : at}, ${outcome.rows ?? null}, ${outcome.why ? at : null}, ${outcome.why ? 1 : 0}, ${outcome.why ?? null})
      on conflict (tenant_id, name) do update set ok_at = coalesce(excluded.ok_at, j.ok_at), rows = coalesce(excluded.rows, j.rows),
        failed_at = coalesce(excluded.failed_at, j.failed_at), failures = case when excluded.failures = 0 then 0 else j.failures + 1 end,
        failure = excluded.failure`),
  )

export interface JobState {
  readonly name: string
  readonly okAt: Date | null
  readonly failures: number
  readonly failure: string | null
}

/** Daily jobs of a tenant as they went last. */
export const listJobs = (db: Db, tenantId: number): Promise<JobState[]> =>
  db.read(tenantId, tx =>
    tx.rows<JobState>(sql`
      select name, ok_at as "okAt", failures, failure from kernel.job where tenant_id = ${tenantId} order by name limit 200`),
  )
