import type { Kernel, Lang } from '#kernel/context.ts'
import { systemCtx } from '#kernel/context.ts'
import { listBillers } from '#modules/billing/index.ts'
import { ensureDemoStaff, ensureTenant } from '#modules/identity/index.ts'
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
  readonly notes: readonly string[]
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
  if (size !== 'none' && (await listBillers(ctx)).length === 0) {
    say('Making the demonstration town (first start only) …')
    await seedTown(kernel, tenantId, { size, seed: 'wutongli', onProgress: say })
  }
  const tenant = settings ? tenantOf(tenantId, settings) : demoTenant(tenantId)
  const { code, name, phone } = tenant
  await ensureTenant(kernel, { id: tenantId, code, nameZh: name['zh-CN'], nameEn: name.en, phone })
  const staff = size === 'none' ? [] : await ensureDemoStaff(kernel, tenantId)
  const [first] = size === 'none' ? [] : await printBills(kernel, tenantId, 1)
  return {
    tenant,
    exampleCode: first?.code,
    notes: staff.map(
      ({ username, password, totpSecret }) => `staff ${username.padEnd(17)} password ${password}  authenticator ${totpSecret}`,
    ),
  }
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
