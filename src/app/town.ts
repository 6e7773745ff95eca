import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Kernel, Lang } from '#kernel/context.ts'
import { systemCtx } from '#kernel/context.ts'
import { dayOf } from '#kernel/time.ts'
import { listBillers } from '#modules/billing/index.ts'
import { type DemoAccount, ensureDemoStaff, ensureTenant, listUnchangedDemoStaff, roles } from '#modules/identity/index.ts'
import { residentPhone } from './seed/households.ts'
import { printBills, seedTown } from './seed/index.ts'
import type { Settings } from './settings.ts'

export interface Town {
  readonly tenant: {
    readonly id: number
    readonly code: string
    readonly name: Readonly<Record<Lang, string>>
    readonly phone: string
    readonly address: string
  }
  /** Code of a bill that makes a good first try. */
  readonly exampleCode: string | undefined
  /** Signs in as a resident with bills of their own; the code comes by the sandbox's messages. */
  readonly residentPhone: string | undefined
  readonly notes: readonly string[]
  /** Made by this start. */
  readonly isNew: boolean
}

const SEED = 'wutongli'

interface Begun {
  readonly size: 'town' | 'small'
  readonly day: string
}

/** The demonstration town, made on the first start only; nothing is added to an installation that has billers. */
export async function ensureTown(
  kernel: Kernel,
  tenantId: number,
  size: 'town' | 'small' | 'none',
  say: (line: string) => void,
  settings?: Settings,
): Promise<Town> {
  const ctx = systemCtx(kernel, tenantId, 'seed')
  // A town broken off is finished at the next start as it was begun: the same day gives the same bills.
  const mark = join(kernel.config.dataDir, 'town-unfinished.json')
  const begun = existsSync(mark) ? (JSON.parse(readFileSync(mark, 'utf8')) as Begun) : undefined
  const isNew = begun !== undefined || (size !== 'none' && (await listBillers(ctx)).length === 0)
  if (isNew) {
    const making = begun ?? { size: size as Begun['size'], day: dayOf(kernel.clock.now()) }
    say('Making the demonstration town (first start only) …')
    writeFileSync(mark, JSON.stringify(making))
    await seedTown(kernel, tenantId, { ...making, seed: SEED, onProgress: say })
    rmSync(mark)
  }
  const tenant = settings ? tenantOf(tenantId, settings) : demoTenant(tenantId)
  const { code, name, phone } = tenant
  await ensureTenant(kernel, { id: tenantId, code, nameZh: name['zh-CN'], nameEn: name.en, phone })
  const [biller] = await listBillers(ctx)
  const [first] = size === 'none' ? [] : await printBills(kernel, tenantId, 1)
  return {
    tenant,
    isNew,
    exampleCode: first?.code,
    residentPhone: first && kernel.config.sandbox ? residentPhone(SEED) : undefined,
    // In front of people nothing of the demonstration is printed, whatever this folder was made for.
    notes: size === 'none' || !kernel.config.sandbox || !biller ? [] : await demoStaff(kernel, tenantId, biller.id),
  }
}

const LOST_PASSWORD =
  '工作人员密码不会再次显示；忘记时用 node bin/yimen.mjs staff-reset 用户名 / staff passwords are not shown again; for a lost one: node bin/yimen.mjs staff-reset NAME'

/**
 * A line for each account of the demonstration's staff that still has the password it was made with, at every start; one that
 * was changed is its owner's business, and a line says how to get in.
 */
async function demoStaff(kernel: Kernel, tenantId: number, billerId: string): Promise<string[]> {
  const file = join(kernel.config.dataDir, 'demo-staff.json')
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as DemoAccount[]) : []
  const made = await ensureDemoStaff(kernel, tenantId, billerId)
  const kept = [...before.filter(old => !made.some(({ username }) => username === old.username)), ...made]
  if (made.length > 0) writeFileSync(file, `${JSON.stringify(kept)}\n`, { mode: 0o600 })
  const open = await listUnchangedDemoStaff(kernel, tenantId, kept)
  const lines = open.map(
    ({ username, password, totpSecret }) => `staff ${username.padEnd(17)} password ${password}  authenticator ${totpSecret}`,
  )
  return open.length === roles.length ? lines : [...lines, LOST_PASSWORD]
}

const demoTenant = (id: number): Town['tenant'] => ({
  id,
  code: '990101001',
  name: { 'zh-CN': '梧桐里街道', en: 'Wutongli Sub-district' },
  phone: '0000 8866 1200',
  address: '梧桐里街道服务路1号',
})

const tenantOf = (id: number, { tenant }: Settings): Town['tenant'] => ({
  id,
  code: tenant.code,
  name: { 'zh-CN': tenant.name_zh, en: tenant.name_en },
  phone: tenant.phone,
  address: tenant.address,
})
