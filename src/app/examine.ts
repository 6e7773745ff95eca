import { existsSync } from 'node:fs'
import { type Config, ConfigError } from '#kernel/config.ts'
import type { Kernel } from '#kernel/context.ts'
import { listJobs } from '#kernel/daily.ts'
import type { Db } from '#kernel/db/index.ts'
import { checkChecks, checkMandates, checkPast, checkProducts, checkRemits, checkSettlements } from '#modules/billing/index.ts'
import { checkLedger } from '#modules/ledger/index.ts'
import { checkBank, checkDebits, checkPayments } from '#modules/payments/index.ts'
import { type Check, checkTrail } from '#modules/trail/index.ts'
import { pinnedKeysFile, readKeys, WrongUse } from './verify.ts'

/** The keys this installation's record is signed by, one a line. */
export function pinnedKeys(config: Config): string[] {
  const path = pinnedKeysFile(config)
  if (!existsSync(path)) return []
  try {
    return readKeys(path)
  } catch (error) {
    throw error instanceof WrongUse ? new ConfigError(error.message) : error
  }
}

/** Daily work that failed the last time it ran; not applicable before any has run. */
async function checkJobs(db: Db, tenantId: number): Promise<Check[]> {
  const jobs = await listJobs(db, tenantId)
  const failing = jobs.filter(job => job.failures > 0)
  const detail = failing.map(job => `${job.name} failed ${job.failures} times, last: ${job.failure}`).join('; ')
  return [{ id: 'J1', name: 'daily work went well the last time', ok: jobs.length === 0 ? 'not applicable' : failing.length === 0, detail }]
}

const examineRecord = async (db: Db, tenantId: number, vkeys: readonly string[]): Promise<Check[]> => [
  ...(await checkLedger(db, tenantId)),
  ...(await checkPayments(db, tenantId)),
  ...(await checkDebits(db, tenantId)),
  ...(await checkChecks(db, tenantId)),
  ...(await checkSettlements(db, tenantId)),
  ...(await checkBank(db, tenantId)),
  ...(await checkRemits(db, tenantId)),
  ...(await checkMandates(db, tenantId)),
  ...(await checkProducts(db, tenantId)),
  ...(await checkPast(db, tenantId)),
  ...(await checkTrail(db, tenantId, vkeys)),
]

/** Every invariant of the books and of the trail, and whether daily work is done. */
export const examineAll = async (db: Db, tenantId: number, vkeys: readonly string[]): Promise<Check[]> => [
  ...(await checkJobs(db, tenantId)),
  ...(await examineRecord(db, tenantId, vkeys)),
]

/** The product examines itself once a day: what is broken is a failed job, in the log, the metrics and the doctor's J1. */
export async function examineDaily({ db, config, log }: Kernel, tenantId: number): Promise<number> {
  const checks = await examineRecord(db, tenantId, pinnedKeys(config))
  const broken = checks.filter(check => check.ok === false)
  for (const { id, name, detail } of broken) log.error({ tenantId, check: id, detail }, `broken: ${name}`)
  if (broken.length > 0) throw new Error(`broken: ${broken.map(check => check.id).join(', ')}`)
  return checks.length
}
