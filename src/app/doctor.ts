import { existsSync, readFileSync } from 'node:fs'
import type { Config } from '#kernel/config.ts'
import { listJobs } from '#kernel/daily.ts'
import type { Db } from '#kernel/db/index.ts'
import { checkLedger } from '#modules/ledger/index.ts'
import { checkPayments } from '#modules/payments/index.ts'
import { type Check, checkTrail } from '#modules/trail/index.ts'
import { openKernel, TENANT } from './up.ts'
import { pinnedKeysFile } from './verify.ts'

/** Daily work that failed the last time it ran; not applicable before any has run. */
async function checkJobs(db: Db, tenantId: number): Promise<Check[]> {
  const jobs = await listJobs(db, tenantId)
  const failing = jobs.filter(job => job.failures > 0)
  const detail = failing.map(job => `${job.name} failed ${job.failures} times, last: ${job.failure}`).join('; ')
  return [{ id: 'J1', name: 'daily work went well the last time', ok: jobs.length === 0 ? 'not applicable' : failing.length === 0, detail }]
}

/** Every invariant of the books and of the trail. */
export async function examineAll(db: Db, tenantId: number, vkeys: readonly string[]): Promise<Check[]> {
  return [
    ...(await checkJobs(db, tenantId)),
    ...(await checkLedger(db, tenantId)),
    ...(await checkPayments(db, tenantId)),
    ...(await checkTrail(db, tenantId, vkeys)),
  ]
}

/** `yimen doctor`: prints each check; 0 when none is broken. Works beside a running product. */
export async function doctor(config: Config, asJson: boolean): Promise<number> {
  const opened = await openKernel(config)
  try {
    const keys = pinnedKeysFile(config)
    const vkeys = existsSync(keys) ? readFileSync(keys, 'utf8').split('\n').filter(Boolean) : []
    const checks = await examineAll(opened.kernel.db, TENANT, vkeys)
    const broken = checks.filter(check => check.ok === false)
    if (asJson) process.stdout.write(`${JSON.stringify({ clean: broken.length === 0, checks })}\n`)
    else {
      for (const { id, name, ok, detail } of checks)
        process.stdout.write(
          `${ok === true ? 'ok            ' : ok === false ? 'BROKEN        ' : 'not applicable'}  ${id.padEnd(4)} ${name}${detail ? `: ${detail}` : ''}\n`,
        )
      process.stdout.write(broken.length === 0 ? 'clean\n' : `${broken.length} broken\n`)
    }
    return broken.length === 0 ? 0 : 1
  } finally {
    await opened.close()
  }
}
