import { existsSync, readFileSync } from 'node:fs'
import type { Config } from '#kernel/config.ts'
import { listJobs } from '#kernel/daily.ts'
import type { Db } from '#kernel/db/index.ts'
import { listTenants } from '#modules/identity/index.ts'
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

export interface TenantReport {
  readonly tenant: number
  readonly code: string
  readonly name: string
  readonly clean: boolean
  readonly checks: readonly Check[]
}

/** Each tenant of the installation by its name; the one it begins with also before it has one. */
export async function examineTenants(db: Db, vkeys: readonly string[]): Promise<TenantReport[]> {
  const known = await listTenants(db)
  const tenants = known.length > 0 ? known : [{ id: TENANT, code: '', nameZh: '', nameEn: '' }]
  const reports: TenantReport[] = []
  for (const { id, code, nameZh, nameEn } of tenants) {
    const checks = await examineAll(db, id, vkeys)
    reports.push({ tenant: id, code, name: `${nameZh} ${nameEn}`.trim(), clean: checks.every(check => check.ok !== false), checks })
  }
  return reports
}

const WORDS = { true: 'ok            ', false: 'BROKEN        ' } as const

const lineOf = ({ id, name, ok, detail }: Check): string =>
  `${ok === 'not applicable' ? ok : WORDS[`${ok}`]}  ${id.padEnd(4)} ${name}${detail ? `: ${detail}` : ''}`

/** `yimen doctor`: prints each check of each tenant; 0 when none is broken. Works beside a running product. */
export async function doctor(config: Config, asJson: boolean): Promise<number> {
  const opened = await openKernel(config)
  try {
    const keys = pinnedKeysFile(config)
    const vkeys = existsSync(keys) ? readFileSync(keys, 'utf8').split('\n').filter(Boolean) : []
    const tenants = await examineTenants(opened.kernel.db, vkeys)
    const broken = tenants.filter(report => !report.clean)
    if (asJson) process.stdout.write(`${JSON.stringify({ clean: broken.length === 0, tenants })}\n`)
    else {
      for (const { tenant, code, name, checks } of tenants)
        process.stdout.write(`${[`tenant ${tenant}`, code, name].filter(Boolean).join('  ')}\n${checks.map(lineOf).join('\n')}\n`)
      process.stdout.write(
        broken.length === 0 ? 'clean\n' : `broken: ${broken.map(({ tenant, name }) => `tenant ${tenant} ${name}`).join(', ')}\n`,
      )
    }
    return broken.length === 0 ? 0 : 1
  } finally {
    await opened.close()
  }
}
