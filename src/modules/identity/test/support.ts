import type { Ctx, Kernel } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx } from '#kernel/db/testing.ts'
import { finishSignIn, type SignedInResident, startSignIn } from '../index.ts'
import { stepOf, totp } from '../totp.ts'

export const TENANT = { id: 1, code: '990101001', nameZh: '梧桐里街道', nameEn: 'Wutongli', phone: '0000-12345' }

export const visitor = (kernel: Kernel, tenantId = 1): Ctx => testCtx(kernel, { kind: 'anonymous', id: 'browser' }, tenantId)

export const can = (kernel: Kernel, ...permissions: string[]): Ctx => testCtx(kernel, { id: 'staff-1', permissions: new Set(permissions) })

export const asResident = (kernel: Kernel, id: string, tenantId = 1): Ctx => testCtx(kernel, { kind: 'resident', id }, tenantId)

/** Types of everything on the tenant's trail that has no index yet, oldest first. */
export const eventTypes = (kernel: Kernel, tenantId = 1): Promise<string[]> =>
  kernel.db
    .read(tenantId, tx => tx.rows<{ type: string }>(sql`select type from trail.pending_event where tenant_id = ${tenantId} order by id`))
    .then(rows => rows.map(row => row.type))

/** The code an authenticator would show: secret in base 32. */
export function codeOf(secret: string, at: Date): string {
  const bits = Array.from(secret, c => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const bytes = Buffer.from((bits.match(/.{8}/g) ?? []).map(byte => Number.parseInt(byte, 2)))
  return totp(bytes, stepOf(at))
}

export async function signInResident(kernel: Kernel, phone: string, tenantId = 1): Promise<SignedInResident> {
  const codes: string[] = []
  const ctx = visitor(kernel, tenantId)
  const started = await startSignIn(ctx, {
    phone,
    clientKey: `client of ${phone}`,
    address: `address of ${phone}`,
    send: async (_to, sent) => void codes.push(sent),
  })
  if (!started.ok) throw new Error(started.error.code)
  const finished = await finishSignIn(ctx, { challenge: started.value.challenge, code: codes[0]! })
  if (!finished.ok) throw new Error(finished.error.code)
  return finished.value
}
