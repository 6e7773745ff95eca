import type { Config } from '#kernel/config.ts'
import type { Db } from '#kernel/db/index.ts'
import { listTenants } from '#modules/identity/index.ts'
import type { Check } from '#modules/trail/index.ts'
import { examineAll, pinnedKeys } from './examine.ts'
import { openKernel, TENANT } from './up.ts'

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
    const tenants = await examineTenants(opened.kernel.db, pinnedKeys(config))
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
